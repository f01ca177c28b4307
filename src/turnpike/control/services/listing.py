"""Looking at the configuration: what a caller may see of it, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from turnpike.control.document.kind import ResourceId
from turnpike.control.permissions import Actor
from turnpike.control.plan import Standing
from turnpike.control.plane import Plane
from turnpike.control.services.sight import not_found, sees, sees_all
from turnpike.control.services.standing import standing_of
from turnpike.ports.store import StoredKey, StoredResource

READ_AT_ONCE = 500
"""How many resources are read from the store at a time while a filter is looked for."""


class Wanted(msgspec.Struct, frozen=True):
    """Which resources of a kind are wanted: those after the name `after` whose fields have these values."""

    kind: str
    limit: int
    after: str | None = None
    filters: Mapping[str, str] = {}


class Seen(msgspec.Struct, frozen=True):
    """A resource as it stands, and, of a key, what opens it (digests are not for showing)."""

    stored: StoredResource
    key: StoredKey | None = None


class Page(msgspec.Struct, frozen=True):
    """Some resources, and the name to go on after; None at the end."""

    items: tuple[Seen, ...]
    after: str | None


def list_resources(plane: Plane, actor: Actor, wanted: Wanted) -> Page:
    """The resources that the caller may see and asked for."""
    visible = _visibility(plane, actor, wanted.kind)
    found: list[Seen] = []
    for stored in _all_after(plane, wanted.kind, wanted.after):
        if not visible(stored) or not _fits(stored, wanted.filters):
            continue
        if len(found) == wanted.limit:
            return Page(tuple(found), found[-1].stored.name)
        found.append(_seen(plane, stored))
    return Page(tuple(found), None)


def get_resource(plane: Plane, actor: Actor, id_: ResourceId) -> Seen:
    """One resource. Raises NotFound, also where the caller may not see it."""
    stored = plane.store.resource(id_.kind, id_.name)
    if stored is None or not _visibility(plane, actor, id_.kind)(stored):
        raise not_found(actor, id_, plane.store.state())
    return _seen(plane, stored)


class _Visibility(msgspec.Struct, frozen=True):
    actor: Actor
    standing: Standing

    def __call__(self, stored: StoredResource) -> bool:
        return sees(self.actor, stored, self.standing)


def _visibility(plane: Plane, actor: Actor, kind: str) -> _Visibility:
    """Whose a resource is matters only to those who may not see everything."""
    return _Visibility(actor, {} if sees_all(actor, kind) else standing_of(plane.store.state()))


def _all_after(plane: Plane, kind: str, after: str | None) -> Iterator[StoredResource]:
    while page := plane.store.resources(kind, after, READ_AT_ONCE):
        yield from page
        after = page[-1].name


def _fits(stored: StoredResource, filters: Mapping[str, str]) -> bool:
    return all(_has(stored, field, value) for field, value in filters.items())


def _has(stored: StoredResource, field: str, value: str) -> bool:
    """Whether the field (`labels.env` means one label) is the value, or a list that holds it."""
    if field == "owner":
        return stored.owner == value
    found: object = stored.spec
    for step in field.split(".", 1):
        found = found.get(step) if isinstance(found, dict) else None
    candidates = found if isinstance(found, list) else [found]
    return any(_text(candidate) == value for candidate in candidates if candidate is not None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _seen(plane: Plane, stored: StoredResource) -> Seen:
    return Seen(stored, plane.store.key(stored.name) if stored.kind == "keys" else None)
