"""`GET /v1/models`: what the caller may use, in the form of the SDK that asks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from turnpike.domain.errors import InvalidRequest, ModelNotFound
from turnpike.domain.snapshot import Access
from turnpike.gateway.authorize import may_use
from turnpike.gateway.provision import Serving

PAGE_MAX: Final = 1000
PAGE: Final = 20
OWNER: Final = "turnpike"


def openai_models(serving: Serving, access: Access, query: bytes) -> bytes:
    """All of them, as OpenAI lists its own."""
    data = [_openai_model(serving, name) for name in _usable(serving, access)]
    return msgspec.json.encode({"object": "list", "data": data})


def openai_model(serving: Serving, access: Access, name: str) -> bytes:
    """One. Raises ModelNotFound where there is none that the caller may use."""
    _check(serving, access, name)
    return msgspec.json.encode(_openai_model(serving, name))


def anthropic_models(serving: Serving, access: Access, query: bytes) -> bytes:
    """A page of them, as Anthropic lists its own. Raises InvalidRequest on a bad limit."""
    names = _usable(serving, access)
    asked = parse_qs(query.decode("latin-1"))
    limit = _limit(asked.get("limit", [str(PAGE)])[-1])
    after, before = asked.get("after_id"), asked.get("before_id")
    if after and after[-1] in names:
        names = names[names.index(after[-1]) + 1 :]
    if before and before[-1] in names:
        names = names[: names.index(before[-1])]
        page = names[-limit:]
    else:
        page = names[:limit]
    return msgspec.json.encode(
        {
            "data": [_anthropic_model(serving, name) for name in page],
            "has_more": len(names) > len(page),
            "first_id": page[0] if page else None,
            "last_id": page[-1] if page else None,
        }
    )


def anthropic_model(serving: Serving, access: Access, name: str) -> bytes:
    """One. Raises ModelNotFound where there is none that the caller may use."""
    _check(serving, access, name)
    return msgspec.json.encode(_anthropic_model(serving, name))


def _usable(serving: Serving, access: Access) -> list[str]:
    return [m.name for m in serving.catalogue.models if may_use(access, m.name)]


def _check(serving: Serving, access: Access, name: str) -> None:
    if serving.catalogue.find(name) is None or not may_use(access, name):
        raise ModelNotFound(f"There is no model {name!r} that this key may use.")


def _openai_model(serving: Serving, name: str) -> dict[str, Any]:
    created = serving.snapshot.created_at_ns // 1_000_000_000
    return {"id": name, "object": "model", "created": created, "owned_by": OWNER}


def _anthropic_model(serving: Serving, name: str) -> dict[str, Any]:
    created = datetime.fromtimestamp(serving.snapshot.created_at_ns // 1_000_000_000, UTC)
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _limit(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text[:6]) <= PAGE_MAX:
        raise InvalidRequest(f"limit takes a number from 1 to {PAGE_MAX}, not {text[:20]!r}.")
    return int(text)
