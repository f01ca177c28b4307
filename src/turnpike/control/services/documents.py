"""Documents of resources: planned, applied, exported; and single resources, which go the same way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from turnpike.control.document.fault import Fault, in_order, shown
from turnpike.control.document.kind import Resource, ResourceId
from turnpike.control.document.names import suggestion
from turnpike.control.document.reading import Reading, Source
from turnpike.control.document.reference import Hidden
from turnpike.control.document.secret import Given
from turnpike.control.permissions import Actor, check_kind
from turnpike.control.plan import (
    API_OWNER,
    ENVIRONMENT_OWNER,
    RESERVED_OWNERS,
    SYSTEM_OWNER,
    remarks,
)
from turnpike.control.plane import Plane
from turnpike.control.remarks import (
    circle_remarks,
    provider_remarks,
    shell_variable_remarks,
    written_out_remarks,
)
from turnpike.control.resources.table import export_document, export_lists, read_document, read_resource
from turnpike.control.services.change import Decision, Proposal, decide, refuse_faults
from turnpike.control.services.overdue import overdue_faults, overdue_remarks
from turnpike.control.services.sight import find_seen, hidden_from, not_found
from turnpike.control.services.standing import held_of, standing_of
from turnpike.control.services.withdrawn import revoked_remarks
from turnpike.domain.errors import Conflict, FaultyDocument, InvalidRequest, NotFound
from turnpike.ports.store import State, StoredResource

OWNER_MAX_CHARACTERS = 200

NOT_EXPORTED = frozenset({ENVIRONMENT_OWNER, SYSTEM_OWNER})
"""Owners whose resources an export leaves out unless they are asked for: they come by themselves."""


class Document(msgspec.Struct, frozen=True):
    """A document to plan or apply, with what its references stand for where it was sent from.

    takes_over: whether what it names and others made becomes its own.
    """

    source: Source
    owner: str
    given: Given = Given()
    takes_over: bool = False


class Reviewed(msgspec.Struct, frozen=True):
    """The decision on a text, and what is allowed in it but likely a mistake."""

    decision: Decision
    remarks: tuple[Fault, ...]


Precondition = Callable[[StoredResource | None], None]
"""Raises where the resource is not as the caller thinks it is."""


def given_secrets(values: Mapping[str, str], missing: tuple[str, ...]) -> Given:
    """What came with a document, hidden from now on."""
    return Given({id_: Hidden(value) for id_, value in values.items()}, frozenset(missing))


def read(plane: Plane, document: Document) -> Reading:
    """What the document says, whatever is in store: read once, however often it is decided on.

    Raises InvalidRequest for its owner.
    """
    _check_owner(document.owner)
    return read_document(document.source, plane.providers)


def decide_document(
    plane: Plane, state: State, actor: Actor, document: Document, reading: Reading
) -> Reviewed:
    """What applying the document, as it was read, does. Raises FaultyDocument, PermissionDenied."""
    proposal = Proposal(reading, document.owner, document.given, takes_over=document.takes_over)
    decision = decide(plane, state, actor, proposal)
    standing = standing_of(state)
    overdue = overdue_remarks(reading, standing, plane.clock.now_ns())
    said = (*_remarks(plane, state, actor, reading), *overdue, *written_out_remarks(reading))
    return Reviewed(decision, in_order(said))


class Replacement(msgspec.Struct, frozen=True):
    """One resource as it shall be, in a text of its own."""

    id: ResourceId
    source: Source
    precondition: Precondition


def decide_replacement(plane: Plane, state: State, actor: Actor, wanted: Replacement) -> Reviewed:
    """What putting the resource does; who made it before stays its owner. Raises FaultyDocument, PermissionDenied."""
    stored = find_seen(state, actor, wanted.id)
    if stored is None:
        # At once: nothing is to tell what is hidden from what is not there.
        wanted.precondition(stored)
    reading = read_resource(wanted.id.kind, wanted.id.name, wanted.source, plane.providers)
    owner = stored.owner if stored and stored.owner not in NOT_EXPORTED else API_OWNER
    decision = decide(plane, state, actor, Proposal(reading, owner, focus=wanted.id))
    standing = standing_of(state)
    refuse_faults(overdue_faults(reading, standing, plane.clock.now_ns()))
    # Last (RFC 9110, 13.2.1): a name that is taken hides nothing of what is wrong besides.
    wanted.precondition(stored)
    return Reviewed(decision, _remarks(plane, state, actor, reading))


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
        raise not_found(actor, wanted.id, state)
    try:
        return decide(plane, state, actor, Proposal(Reading(str(wanted.id)), stored.owner, focus=wanted.id))
    except FaultyDocument as faulty:
        reasons = "; ".join(fault.message for fault in faulty.faults if isinstance(fault, Fault))
        raise Conflict(f"{wanted.id} cannot go: it {reasons}") from None


def export(plane: Plane, owner: str | None) -> str:
    """The configuration as a YAML document that applies to the same; with `owner`, what that one made.

    Raises NotFound for an owner that made nothing.
    """
    return export_document(_exported(plane, owner))


def export_values(plane: Plane, owner: str | None) -> dict[str, list[dict[str, object]]]:
    """As `export`, as plain values."""
    return export_lists(_exported(plane, owner))


def _check_owner(owner: str) -> None:
    if not owner.isprintable() or not 0 < len(owner) <= OWNER_MAX_CHARACTERS:
        raise InvalidRequest(f"an owner is named by 1 to {OWNER_MAX_CHARACTERS} printable characters")
    if owner in RESERVED_OWNERS:
        raise InvalidRequest(
            f"{shown(owner)} owns what no document made: apply as another owner (--owner, over the API ?owner=);"
            " --take-over makes what others made the document's own"
        )


def _remarks(plane: Plane, state: State, actor: Actor, reading: Reading) -> tuple[Fault, ...]:
    standing = standing_of(state)
    return in_order(
        (
            *remarks(reading, standing, hidden_from(actor, standing)),
            *provider_remarks(reading, plane.providers),
            *circle_remarks(reading, plane.leads_back),
            *shell_variable_remarks(reading),
            *revoked_remarks(reading, state.keys),
        )
    )


def _exported(plane: Plane, owner: str | None) -> list[Resource]:
    everything = plane.store.state().resources
    owners = {stored.owner for stored in everything}
    if owner is not None and owner not in owners | RESERVED_OWNERS:
        raise NotFound(f"{shown(owner)} made nothing that is there{suggestion(owner, owners)}")
    wanted = (
        stored
        for stored in everything
        if stored.owner == owner or (owner is None and stored.owner not in NOT_EXPORTED)
    )
    return [held_of(stored).resource for stored in wanted]
