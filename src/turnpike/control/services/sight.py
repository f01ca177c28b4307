"""What a caller may see, in one place: to whoever may not see a resource, it is not there.

Lists, single answers, faults and the names that faults choose from all ask here, so that none of
them tells that such a resource exists, what it is called, or at which revision it stands.
"""

from __future__ import annotations

from collections.abc import Iterable

from turnpike.control.document.fault import shown
from turnpike.control.document.kind import ResourceId
from turnpike.control.document.names import suggestion
from turnpike.control.permissions import (
    READ_BY_TEAM_ADMINS,
    Actor,
    Permission,
    check_kind,
    may_read,
    name_taken,
)
from turnpike.control.plan import Standing
from turnpike.control.services.standing import held_of, id_of_stored, standing_of, team_of
from turnpike.domain.errors import NotFound
from turnpike.ports.store import State, StoredResource

NOTHING_HIDDEN: frozenset[ResourceId] = frozenset()


def sees_all(actor: Actor, kind: str) -> bool:
    """Whether nothing of the kind is hidden from the caller."""
    return actor.holds(Permission.READ_RESOURCES) or (bool(actor.teams) and kind in READ_BY_TEAM_ADMINS)


def sees(actor: Actor, stored: StoredResource, standing: Standing) -> bool:
    """Whether the caller may see the resource."""
    return sees_all(actor, stored.kind) or may_read(
        actor, stored.kind, team_of(held_of(stored).resource, standing)
    )


def hidden_from(actor: Actor, standing: Standing) -> frozenset[ResourceId]:
    """Everything that the caller may not see."""
    if actor.holds(Permission.READ_RESOURCES):
        return NOTHING_HIDDEN
    return frozenset(
        id_
        for id_, held in standing.items()
        if not may_read(actor, id_.kind, team_of(held.resource, standing))
    )


def find_seen(state: State, actor: Actor, id_: ResourceId) -> StoredResource | None:
    """The stored resource, as far as the caller may see it."""
    found = next((stored for stored in state.resources if id_of_stored(stored) == id_), None)
    if found is None or sees_all(actor, id_.kind):
        return found
    return found if sees(actor, found, standing_of(state)) else None


def not_found(actor: Actor, id_: ResourceId, state: State) -> NotFound:
    """What is said of a resource that is not there for the caller, with the nearest that is.

    A key's name is not repeated: where one is asked for, people paste a secret.
    """
    standing = standing_of(state)
    noun = id_.kind.removesuffix("s")
    said = (
        f"there is no {noun} of this name" if id_.kind == "keys" else f"there is no {noun} {shown(id_.name)}"
    )
    names = (s.name for s in state.resources if s.kind == id_.kind and sees(actor, s, standing))
    return NotFound(said + suggestion(id_.name, names))


def check_unseen(
    actor: Actor, ids: Iterable[ResourceId], standing: Standing, hidden: frozenset[ResourceId]
) -> None:
    """Raises PermissionDenied where the caller names what it does not see, and could not make either.

    Of a kind that it may make, a name that is taken is refused as such: that much a free name would
    tell as well. All that would tell more is asked afterwards.
    """
    for id_ in ids:
        if id_ in hidden or id_ not in standing:
            check_kind(actor, id_)
        if id_ in hidden:
            raise name_taken(actor, id_)
