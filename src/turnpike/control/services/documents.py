"""Documents of resources: planned, applied, exported; and single resources, which go the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from turnpike.control.document.fault import Fault
from turnpike.control.document.kind import Resource, ResourceId
from turnpike.control.document.reading import Reading, Source
from turnpike.control.document.reference import Hidden
from turnpike.control.document.secret import Given
from turnpike.control.permissions import Actor, check_kind
from turnpike.control.plan import ENVIRONMENT_OWNER, remarks
from turnpike.control.plane import Plane
from turnpike.control.resources.table import export_document, export_lists, read_document, read_resource
from turnpike.control.services.change import Decision, Proposal, decide
from turnpike.control.services.sight import find_seen, hidden_from
from turnpike.control.services.standing import held_of, standing_of
from turnpike.domain.errors import Conflict, FaultyDocument, NotFound
from turnpike.ports.store import State, StoredResource

API_OWNER = "api"
"""Owner of what was made by a single PUT."""

SYSTEM_OWNER = "turnpike"
"""Owner of what control made by itself: the first administrator's key."""

NOT_EXPORTED = frozenset({ENVIRONMENT_OWNER, SYSTEM_OWNER})
"""Owners whose resources an export leaves out unless they are asked for: they come by themselves."""


class Document(msgspec.Struct, frozen=True):
    """A document to plan or apply, with what its references stand for where it was sent from."""

    source: Source
    owner: str
    given: Given = Given()


class Reviewed(msgspec.Struct, frozen=True):
    """A document's decision, and what is allowed in it but likely a mistake."""

    decision: Decision
    remarks: tuple[Fault, ...]


Precondition = Callable[[StoredResource | None], None]
"""Raises where the resource is not as the caller thinks it is."""


def given_secrets(values: Mapping[str, str], missing: tuple[str, ...]) -> Given:
    """What came with a document, hidden from now on."""
    return Given({id_: Hidden(value) for id_, value in values.items()}, frozenset(missing))


def decide_document(plane: Plane, state: State, actor: Actor, document: Document) -> Reviewed:
    """What applying the document does. Raises FaultyDocument, PermissionDenied."""
    reading = read_document(document.source, plane.providers)
    decision = decide(plane, state, actor, Proposal(reading, document.owner, document.given))
    standing = standing_of(state)
    return Reviewed(decision, remarks(reading, standing, hidden_from(actor, standing)))


class Replacement(msgspec.Struct, frozen=True):
    """One resource as it shall be, in a text of its own."""

    id: ResourceId
    source: Source
    precondition: Precondition


def decide_replacement(plane: Plane, state: State, actor: Actor, wanted: Replacement) -> Decision:
    """What putting the resource does; who made it before stays its owner. Raises FaultyDocument, PermissionDenied."""
    stored = find_seen(state, actor, wanted.id)
    wanted.precondition(stored)
    owner = stored.owner if stored and stored.owner not in NOT_EXPORTED else API_OWNER
    reading = read_resource(wanted.id.kind, wanted.id.name, wanted.source, plane.providers)
    return decide(plane, state, actor, Proposal(reading, owner, focus=wanted.id))


class Removal(msgspec.Struct, frozen=True):
    """One resource that shall go."""

    id: ResourceId
    precondition: Precondition


def decide_removal(plane: Plane, state: State, actor: Actor, wanted: Removal) -> Decision:
    """What removing the resource does. Raises NotFound, Conflict where others need it, PermissionDenied."""
    check_kind(actor, wanted.id)
    stored = find_seen(state, actor, wanted.id)
    wanted.precondition(stored)
    if stored is None:
        raise NotFound(f"there is no {wanted.id}")
    try:
        return decide(plane, state, actor, Proposal(Reading(str(wanted.id)), stored.owner, focus=wanted.id))
    except FaultyDocument as faulty:
        reasons = "; ".join(fault.message for fault in faulty.faults if isinstance(fault, Fault))
        raise Conflict(f"{wanted.id} cannot go: it {reasons}") from None


def export(plane: Plane, owner: str | None) -> str:
    """The configuration as a YAML document that applies to the same; with `owner`, what that one made."""
    return export_document(_exported(plane, owner))


def export_values(plane: Plane, owner: str | None) -> dict[str, list[dict[str, object]]]:
    """As `export`, as plain values."""
    return export_lists(_exported(plane, owner))


def _exported(plane: Plane, owner: str | None) -> list[Resource]:
    wanted = [
        stored
        for stored in plane.store.state().resources
        if stored.owner == owner or (owner is None and stored.owner not in NOT_EXPORTED)
    ]
    return [held_of(stored).resource for stored in wanted]
