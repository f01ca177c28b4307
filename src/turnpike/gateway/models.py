"""`GET /v1/models`: what the caller may use, in the form of the SDK that asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec

from turnpike.domain.errors import InvalidRequest, ModelNotFound
from turnpike.domain.pattern import STAR, any_overlaps, is_pattern, star_of
from turnpike.domain.snapshot import Access, Model
from turnpike.gateway.authorize import may_speak, may_use
from turnpike.gateway.provision import Serving
from turnpike.gateway.uplink import Uplink
from turnpike.ports.clock import SECOND_NS

PAGE_MAX: Final = 1000
PAGE: Final = 20
LIMIT_DIGITS_MAX: Final = 6
LISTED_MAX: Final = 10_000
OWNER: Final = "turnpike"

Provided = Mapping[str, tuple[str, ...]]
"""Models that providers have, by the provider's name, as far as they said so."""


def sources(serving: Serving, access: Access) -> dict[str, Uplink]:
    """The providers, by name, whose own lists say what patterns stand for that the caller may use."""
    catalogue = serving.catalogue
    return {
        model.targets[0].provider: catalogue.uplink(model.targets[0].provider)
        for model in catalogue.models
        if _takes_any_name(model) and all(any_overlaps(level, model.name) for level in access.models)
    }


def openai_models(serving: Serving, access: Access, provided: Provided, query: bytes) -> bytes:
    """All of them, as OpenAI lists its own."""
    data = [_openai_model(serving, name) for name in _usable(serving, access, provided)]
    return msgspec.json.encode({"object": "list", "data": data})


def openai_model(serving: Serving, access: Access, name: str) -> bytes:
    """One. Raises ModelNotFound where there is none that the caller may use."""
    _check(serving, access, name)
    return msgspec.json.encode(_openai_model(serving, name))


def anthropic_models(serving: Serving, access: Access, provided: Provided, query: bytes) -> bytes:
    """A page of them, as Anthropic lists its own. Raises InvalidRequest on a bad limit."""
    names = _usable(serving, access, provided)
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


def _usable(serving: Serving, access: Access, provided: Provided) -> list[str]:
    """Configured names; in a pattern's place what its provider has, where that is known."""
    names: dict[str, None] = {}
    for model in serving.catalogue.models:
        if not _is_reached(serving, access, model):
            continue
        filled = _filled(model, provided)
        if filled is None:
            names[model.name] = None
        else:
            names.update((name, None) for name in filled if _is_meant(serving, model, name))
    return [name for name in names if may_use(access, name)][:LISTED_MAX]


def _filled(model: Model, provided: Provided) -> list[str] | None:
    """The names that a pattern stands for; None for a plain name, and where nobody knows."""
    target = model.targets[0]
    if not _takes_any_name(model) or target.provider not in provided:
        return None
    stars = (star_of(target.model, name) for name in provided[target.provider])
    return [model.name.replace(STAR, star) for star in stars if star]


def _takes_any_name(model: Model) -> bool:
    return is_pattern(model.name) and is_pattern(model.targets[0].model)


def _is_meant(serving: Serving, model: Model, name: str) -> bool:
    """Whether a call for the name would go by this model, not by one whose name says more."""
    found = serving.catalogue.find(name)
    return found is not None and found[0] is model


def _is_reached(serving: Serving, access: Access, model: Model) -> bool:
    """Whether a target of the model speaks a surface that the caller may use."""
    return any(may_speak(access, surface) for surface in serving.catalogue.surfaces(model))


def _check(serving: Serving, access: Access, name: str) -> None:
    found = serving.catalogue.find(name)
    if found is None or not may_use(access, name) or not _is_reached(serving, access, found[0]):
        raise ModelNotFound(f"There is no model {name!r} that this key may use.")


def _openai_model(serving: Serving, name: str) -> dict[str, Any]:
    created = serving.snapshot.created_at_ns // SECOND_NS
    return {"id": name, "object": "model", "created": created, "owned_by": OWNER}


def _anthropic_model(serving: Serving, name: str) -> dict[str, Any]:
    created = datetime.fromtimestamp(serving.snapshot.created_at_ns // SECOND_NS, UTC)
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _limit(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= LIMIT_DIGITS_MAX
    if not is_number or not 1 <= int(text) <= PAGE_MAX:
        raise InvalidRequest(f"limit takes a number from 1 to {PAGE_MAX}, not {text[:20]!r}.")
    return int(text)
