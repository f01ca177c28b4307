"""Which surface a path belongs to."""

from __future__ import annotations

import re

import msgspec

from turnpike.sim.refusals import Refused

PATHS = {
    "/v1/chat/completions": {"POST": "openai.chat"},
    "/v1/completions": {"POST": "openai.completions"},
    "/v1/responses": {"POST": "openai.responses"},
    "/v1/responses/input_tokens": {"POST": "openai.input_tokens"},
    "/v1/embeddings": {"POST": "openai.embeddings"},
    "/v1/messages": {"POST": "anthropic.messages"},
    "/v1/messages/count_tokens": {"POST": "anthropic.count_tokens"},
    "/v1/models": {"GET": "models"},
}

PATTERNS = (
    (re.compile(r"/v1/models/(.+)"), {"GET": "model"}),
    (re.compile(r"/v1/responses/([^/]+)"), {"GET": "openai.stored", "DELETE": "openai.deleted"}),
    (re.compile(r"/v1/responses/([^/]+)/cancel"), {"POST": "openai.cancelled"}),
    (re.compile(r"/v1/responses/([^/]+)/input_items"), {"GET": "openai.input_items"}),
)


class Route(msgspec.Struct, frozen=True):
    """A surface, and the id in the path where there is one."""

    surface: str
    name: str = ""


def find_route(method: str, path: str, anthropic: bool) -> Route:
    """The surface for a request; `anthropic` says in whose words an unknown one is refused.

    Raises Refused where there is no such path, or not with this method.
    """
    prefix = "anthropic." if anthropic else "openai."
    methods, name = PATHS.get(path), ""
    if methods is None:
        methods, name = _match(path)
    if not methods:
        message = "Not Found" if anthropic else f"Invalid URL ({method} {path})"
        raise Refused(404, message)
    surface = methods.get(method)
    if surface is None:
        message = "Method Not Allowed" if anthropic else f"Not allowed to {method} on {path}."
        raise Refused(405, message, kind="invalid_request_error", code="method_not_supported")
    return Route(surface if "." in surface else prefix + surface, name)


def _match(path: str) -> tuple[dict[str, str], str]:
    for pattern, methods in PATTERNS:
        found = pattern.fullmatch(path)
        if found:
            return methods, found[1]
    return {}, ""
