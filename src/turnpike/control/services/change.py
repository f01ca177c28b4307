"""Deciding on a change of configuration: from what is wanted to what the store shall hold.

A document, a single PUT and a DELETE are decided here alike, and so give the same audit events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

import msgspec

from turnpike.control.document.fault import Fault, in_order, shown
from turnpike.control.document.kind import ResourceId, to_plain
from turnpike.control.document.reading import Reading
from turnpike.control.document.reference import Hidden
from turnpike.control.document.secret import Fresh, Given, Kept, SecretAddress, by_resource, settle_secrets
from turnpike.control.permissions import Actor, check_change
from turnpike.control.plan import (
    Creation,
    Deletion,
    Held,
    Plan,
    Standing,
    Update,
    make_plan,
    outcome,
    ownership_faults,
    relation_faults,
)
from turnpike.control.plane import Plane
from turnpike.control.services.effect import Effect, effect_of
from turnpike.control.services.owners import Holding, check_owner_stays
from turnpike.control.services.secrets import (
    Secrets,
    planned_secrets,
    revoked_secret_faults,
    settled_secrets,
    shared_secret_faults,
)
from turnpike.control.services.sight import check_unseen, hidden_from
from turnpike.control.services.snapshots import After, next_snapshot, stored_snapshot
from turnpike.control.services.standing import RightsIn, standing_of, team_of, written_secrets
from turnpike.control.services.trail import Entry, continued
from turnpike.domain.errors import FaultyDocument, PermissionDenied
from turnpike.ports.store import Change, State, StoredResource

FAULTS_SHOWN = 100
"""Of a document's faults, an answer holds no more than this."""

_NOT_MEANT = "\0not-meant"
_ACTIONS: Mapping[type, str] = {Creation: "create", Update: "update", Deletion: "delete"}


class Proposal(msgspec.Struct, frozen=True):
    """What somebody wants the configuration to become.

    owner: who makes it: what the owner made before and names no longer is removed.
    focus: where only one resource is meant, its id: nothing else is touched.
    fresh: secrets for resources that are not read from a text.
    takes_over: whether what others made, and the reading names, becomes the owner's.
    """

    reading: Reading
    owner: str
    given: Given = Given()
    focus: ResourceId | None = None
    fresh: tuple[Fresh, ...] = ()
    takes_over: bool = False


class Decision(msgspec.Struct, frozen=True):
    """What is to be done about a proposal.

    change: None where nothing differs; its snapshot is None where workers have nothing to learn.
    effect: what those are asked for, and what must not wait.
    minted: secrets of keys that this change makes, by the key's name, to be shown once.
    remarks: what whoever makes the change should know of it.
    """

    plan: Plan
    change: Change | None = None
    effect: Effect = Effect()
    minted: Mapping[str, Hidden] = {}
    remarks: tuple[Fault, ...] = ()


def decide(plane: Plane, state: State, actor: Actor, proposal: Proposal) -> Decision:
    """What the proposal makes of the state. Raises FaultyDocument, PermissionDenied, Conflict."""
    reading = proposal.reading
    everything = standing_of(state)
    hidden = hidden_from(actor, everything)
    # First of all: why something cannot be changed is told only to those who may change it.
    check_unseen(actor, reading.named, everything, hidden)
    if proposal.focus is not None:
        _check_rights(actor, [proposal.focus], everything, everything)
    standing = _focused(everything, proposal)
    _check_owner(actor, proposal, standing, hidden)
    settlement = settle_secrets(reading.secrets, proposal.given, written_secrets(state))
    revoked = {ResourceId("keys", key.name) for key in state.keys if key.revoked_at_ns is not None}
    relations = relation_faults(reading, standing, proposal.owner, hidden, revoked)
    refuse_faults((*reading.faults, *relations, *_ownership(proposal, standing), *settlement.faults))
    settled = (*settlement.settled, *proposal.fresh)
    secrets = settled_secrets(plane, state, settled)
    plan = make_plan(reading, standing, proposal.owner, secrets.changed)
    if not plan.changes:
        return Decision(plan)
    after = outcome(plan, reading, standing)
    _check_rights(actor, [change.id for change in plan.changes], everything, after)
    planned = planned_secrets(plane, secrets, plan, _addresses(settled))
    refuse_faults(
        (*shared_secret_faults(planned, settled), *revoked_secret_faults(planned, settled, state.revoked))
    )
    stored = {key.name: key for key in state.keys}
    check_owner_stays(actor, Holding(everything, stored), Holding(after, planned.keys), plane.clock.now_ns())
    return _decision(plane, state, actor, plan, _Ahead(everything, after, planned))


def refuse_faults(faults: tuple[Fault, ...]) -> None:
    """Raises FaultyDocument where there are any."""
    if not faults:
        return
    first, *others = in_order(faults)
    more = f" (and {len(others)} more)" if others else ""
    raise FaultyDocument(f"{first}{more}", in_order(faults)[:FAULTS_SHOWN])


class _Ahead(msgspec.Struct, frozen=True):
    """The configuration before and after, and its secrets after."""

    before: Standing
    after: Mapping[ResourceId, Held]
    secrets: Secrets


def _decision(plane: Plane, state: State, actor: Actor, plan: Plan, ahead: _Ahead) -> Decision:
    secrets = ahead.secrets
    snapshot = next_snapshot(plane, state.snapshot, After(ahead.after, secrets.sealed, secrets.keys))
    trail = continued(plane, state.audit_head, actor, _entries(plan, ahead))
    before = {key.name: key for key in state.keys}
    change = Change(
        base_revision=state.revision,
        resources=tuple(_stored_resources(plane, state, plan, ahead)),
        keys=tuple(key for name, key in secrets.keys.items() if before.get(name) != key),
        removed=tuple((c.id.kind, c.id.name) for c in plan.changes if isinstance(c, Deletion)),
        events=trail.events,
        audit_head=trail.head,
        snapshot=stored_snapshot(snapshot, actor.name) if snapshot else None,
    )
    return Decision(plan, change, effect_of(state.snapshot, snapshot), secrets.minted)


def _focused(standing: Standing, proposal: Proposal) -> Standing:
    """The standing in which everything that is not meant belongs to somebody else."""
    if proposal.focus is None:
        return standing
    return {
        id_: Held(held.resource, proposal.owner if id_ == proposal.focus else _NOT_MEANT)
        for id_, held in standing.items()
    }


def _ownership(proposal: Proposal, standing: Standing) -> tuple[Fault, ...]:
    """What is hidden is not among it: to name that was refused before."""
    if proposal.takes_over:
        return ()
    return ownership_faults(proposal.reading, standing, proposal.owner)


def _check_owner(actor: Actor, proposal: Proposal, standing: Standing, hidden: Set[ResourceId]) -> None:
    """Raises PermissionDenied where the proposal would remove what the caller does not see."""
    if any(id_ in hidden and held.owner == proposal.owner for id_, held in standing.items()):
        raise PermissionDenied(
            f"{actor.name} may not change all that {shown(proposal.owner)} owns, and would remove it: apply as"
            " another owner (--owner, over the API ?owner=)"
        )


def _check_rights(actor: Actor, ids: Iterable[ResourceId], before: Standing, after: Standing) -> None:
    sides = [(side, RightsIn(side)) for side in (before, after)]
    for id_ in ids:
        found = [(held.resource, side, rights) for side, rights in sides if (held := side.get(id_))]
        teams = {team_of(resource, side) for resource, side, _ in found}
        check_change(actor, id_, teams, [rights.of(resource) for resource, _, rights in found])


def _addresses(settled: Iterable[Fresh | Kept]) -> Iterable[SecretAddress]:
    return (item.slot.address for item in settled)


def _entries(plan: Plan, ahead: _Ahead) -> Iterable[Entry]:
    changed = by_resource(ahead.secrets.changed)
    for change in plan.changes:
        before, after = ahead.before.get(change.id), ahead.after.get(change.id)
        id_ = change.id
        secrets = sorted(address.field for address in changed.get(id_, ()))
        detail: dict[str, object] = {"secrets": secrets} if secrets else {}
        if id_.kind == "keys" and id_.name in ahead.secrets.minted:
            detail["secret"] = "made"
        owner = after or before
        if owner is not None:
            detail["owner"] = owner.owner
        if isinstance(change, Update) and change.previous_owner is not None:
            detail["previous_owner"] = change.previous_owner
        yield Entry(
            action=_ACTIONS[type(change)],
            kind=id_.kind,
            name=id_.name,
            before=to_plain(before.resource) if before else None,
            after=to_plain(after.resource) if after else None,
            detail=detail,
        )


def _stored_resources(plane: Plane, state: State, plan: Plan, ahead: _Ahead) -> Iterable[StoredResource]:
    made = {(stored.kind, stored.name): stored.created_at_ns for stored in state.resources}
    now = plane.clock.now_ns()
    addresses = by_resource(ahead.secrets.sealed)
    for change in plan.changes:
        id_ = change.id
        if isinstance(change, Deletion):
            continue
        held = ahead.after[id_]
        own = {address.field: ahead.secrets.sealed[address] for address in addresses.get(id_, ())}
        created = now if isinstance(change, Creation) else made[id_.kind, id_.name]
        yield StoredResource(
            kind=id_.kind,
            name=id_.name,
            owner=held.owner,
            spec=to_plain(held.resource),
            sealed=own,
            revision=state.revision + 1,
            created_at_ns=created,
            changed_at_ns=now,
        )
