"""The API's description, for programs (OpenAPI) and for people; nothing is loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

from turnpike.control.api.answers import json_response
from turnpike.control.permissions import HOLDERS, OPERATIONS, ROLES, Permission

router = APIRouter(tags=["description"])

_DOCUMENT_TYPES = ("application/yaml", "application/json", "application/vnd.turnpike.document+json")
_BODIES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "put_resource": ("The resource's fields, as in the file.", ("application/json", "application/yaml")),
    "plan": ("The document; its form is at /api/v1/schema.", _DOCUMENT_TYPES),
    "apply": ("The document; its form is at /api/v1/schema.", _DOCUMENT_TYPES),
    "rotate_key": ("`overlap_seconds`, and `secret` where the new one is brought.", ("application/json",)),
    "explain": ("`key`, `model`, and `surface` where one alone is meant.", ("application/json",)),
    "link": ("What the worker says of itself.", ("application/json",)),
}
"""What operations read that take a body: its meaning and its media types."""

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24 }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #d0d7de } code { font-family: ui-monospace, monospace }
article { margin: 1.2rem 0 } .method { display: inline-block; min-width: 4.5rem; font-weight: 600 }
.needs { color: #57606a } ul { margin: .2rem 0 }
@media (prefers-color-scheme: dark) { body { background: #0d1117; color: #e6edf3 } .needs { color: #9198a1 } }
"""


@router.get("/openapi.json")
def openapi(request: Request) -> Response:
    """The API in OpenAPI's form."""
    return json_response(described(request))


@router.get("/docs")
def docs(request: Request) -> Response:
    """The API as a page."""
    page = "".join(_page(described(request)))
    headers = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"}
    return Response(page, headers=headers, media_type="text/html; charset=utf-8")


def described(request: Request) -> dict[str, Any]:
    """The app's OpenAPI document, with what each operation needs."""
    document: dict[str, Any] = request.app.openapi()
    schemes = document.setdefault("components", {}).setdefault("securitySchemes", {})
    schemes["key"] = {"type": "http", "scheme": "bearer", "description": "A Turnpike key with a role."}
    for operations in document["paths"].values():
        for operation in operations.values():
            permission = OPERATIONS[operation["operationId"]]
            if operation["operationId"] in _BODIES:
                meaning, types = _BODIES[operation["operationId"]]
                content = {type_: {"schema": {"type": "object"}} for type_ in types}
                operation["requestBody"] = {"description": meaning, "content": content}
            operation["security"] = [] if permission is Permission.PUBLIC else [{"key": []}]
            operation["x-permission"] = permission
            operation["x-roles"] = [role for role in ROLES if role in HOLDERS.get(permission, ())]
    return document


def _page(document: dict[str, Any]) -> Iterator[str]:
    title = escape(document["info"]["title"])
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    yield f"<h1>{title}</h1><p>{escape(document['info']['description'])}</p>"
    yield '<p>For programs: <a href="/openapi.json"><code>/openapi.json</code></a>.</p>'
    section = None
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if operation["tags"][0] != section:
                section = operation["tags"][0]
                yield f"<h2>{escape(section)}</h2>"
            yield from _operation(path, method, operation)


def _operation(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    yield f'<article><span class="method">{method.upper()}</span> <code>{escape(path)}</code>'
    yield f"<br>{escape(operation['description'])}"
    if body := operation.get("requestBody"):
        yield f"<br>Body ({escape(', '.join(body['content']))}): {escape(body['description'])}"
    yield f'<br><span class="needs">Needs: {escape(operation["x-permission"])}'
    yield f" ({escape(', '.join(operation['x-roles']) or 'no role')})</span><ul>"
    for parameter in operation.get("parameters", ()):
        meaning = parameter.get("description", "")
        yield f"<li><code>{escape(parameter['name'])}</code> ({escape(parameter['in'])}) {escape(meaning)}</li>"
    yield "</ul></article>"
