"""Carrying a decision out: offered to the workers, stored, published.

What keeps two changes apart is the store, which takes a change only of the state that it was decided
on; taking turns merely spares them from being decided anew.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import msgspec
import structlog

from turnpike.control.plane import Plane
from turnpike.control.publish import Publication, published_from
from turnpike.control.services.change import Decision
from turnpike.domain.errors import Conflict, StoreUnavailable
from turnpike.ports.store import Change, State, StoreMoved

ATTEMPTS = 20
"""How often a change is decided because a revocation, or another control process, was quicker."""

DOCUMENTS_IN_HAND = 1
CHANGES_IN_HAND = 2
"""Each computes in Python, of which one thread runs at a time: more would only be slower for everybody."""

Decide = Callable[[State], Decision]

DecideAtOnce = Callable[[], Decision]
"""As `Decide`, and looks by itself at as little of the state as it needs."""

_OVERTAKEN = "the configuration is being changed by others all the time: try again"

_log = structlog.get_logger()


class Road(msgspec.Struct, frozen=True):
    """Where changes go: the ports that keep them, and the publication that spreads them.

    documents: the turn of a document, or another work on all that is in store, which may take seconds.
    changes: the turns of what looks through the store for a single resource.
    All of them together leave threads, and most of the processor's time, to identification and revocations.
    """

    plane: Plane
    publication: Publication
    documents: asyncio.Semaphore = msgspec.field(default_factory=lambda: asyncio.Semaphore(DOCUMENTS_IN_HAND))
    changes: asyncio.Semaphore = msgspec.field(default_factory=lambda: asyncio.Semaphore(CHANGES_IN_HAND))


async def carry_out(road: Road, decide: Decide, turns: asyncio.Semaphore | None = None) -> Decision:
    """Decide on the state as it is, let workers provision the outcome, store it, publish it: or none of it.

    It is decided when one of the `turns` comes, the road's for changes where none are given.

    What withdraws a right, and gives workers nothing to provision, waits for nobody; where there is
    something to provision as well, nobody is waited for longer than `HURRIED_SECONDS`.
    Raises what `decide` raises, ProvisionRefused, StoreUnavailable; then nothing has changed.
    """
    turns = turns or road.changes
    decision = await _decided_in_turn(road.plane, decide, turns)
    for _ in range(ATTEMPTS):
        if not _waits_for_nobody(decision):
            break
        # Decided outside the turn: a revocation does not wait for a long document to be decided on.
        async with road.publication.turn_at_once:
            if await _stored(road, decision):
                return decision
        decision = await _decided_in_turn(road.plane, decide, turns)
    with road.publication.hurried() if decision.effect.withdraws else contextlib.nullcontext():
        return await _carry_out_in_turn(road, decide, decision)


async def _carry_out_in_turn(road: Road, decide: Decide, decision: Decision) -> Decision:
    async with road.publication.turn:
        for _ in range(ATTEMPTS):
            decision = await _up_to_date(road.plane, decide, decision)
            if await _accepted(road, decision) and await _stored(road, decision):
                return decision
    raise Conflict(_OVERTAKEN)


async def carry_out_at_once(road: Road, decide: DecideAtOnce) -> Decision:
    """As `carry_out` for what is known to withdraw a right of one key: workers are not asked.

    Nor is a change waited for that workers are being asked about: that one is decided anew afterwards.
    """
    async with road.publication.turn_at_once:
        for _ in range(ATTEMPTS):
            decision = await asyncio.to_thread(decide)
            if await _stored(road, decision):
                return decision
    raise Conflict(_OVERTAKEN)


def carry_out_alone(plane: Plane, decide: Decide) -> Decision:
    """Decide and store at control's start, when there is nobody to publish to yet."""
    for _ in range(ATTEMPTS):
        decision = decide(plane.store.state())
        if decision.change is None:
            return decision
        try:
            plane.store.commit(decision.change)
        except StoreMoved:
            continue
        _note(decision.change)
        return decision
    raise Conflict(_OVERTAKEN)


async def _decided_in_turn(plane: Plane, decide: Decide, turns: asyncio.Semaphore) -> Decision:
    async with turns:
        return await _decided(plane, decide)


async def _decided(plane: Plane, decide: Decide) -> Decision:
    return await asyncio.to_thread(lambda: decide(plane.store.state()))


async def _up_to_date(plane: Plane, decide: Decide, decision: Decision) -> Decision:
    """The decision, or where the store has moved on since, another one."""
    base = decision.change.base_revision if decision.change else None
    if base == await asyncio.to_thread(plane.store.revision):
        return decision
    return await _decided(plane, decide)


def _waits_for_nobody(decision: Decision) -> bool:
    """Whether the change takes a right away, and gives workers nothing to provision, or came to nothing."""
    return decision.change is None or (decision.effect.withdraws and not decision.effect.provisions)


async def _accepted(road: Road, decision: Decision) -> bool:
    """Whether workers hold the outcome ready; False where something later was published meanwhile."""
    if decision.change is None or decision.change.snapshot is None:
        return True
    return await road.publication.offer(published_from(decision.change.snapshot))


async def _stored(road: Road, decision: Decision) -> bool:
    """Store and publish; False where the store has moved on since the decision."""
    if decision.change is None:
        return True
    try:
        await asyncio.to_thread(road.plane.store.commit, decision.change)
    except StoreMoved:
        return False
    _note(decision.change)
    snapshot = decision.change.snapshot
    if snapshot is not None and not road.publication.publish(published_from(snapshot)):
        await _publish_stored_soon(road)
    return True


async def _publish_stored_soon(road: Road) -> None:
    """As `publish_stored`, for a change that is made already, whatever becomes of this look into the store."""
    try:
        await publish_stored(road)
    except StoreUnavailable as fault:
        _log.error("store.unavailable", reason=fault.message)


async def publish_stored(road: Road) -> None:
    """Publish the newest snapshot in store, where it is later than what is published, or that was lost.

    A snapshot is in store before it is published. If a store that is read afterwards has nothing so
    late, it was put back to an earlier state, and workers run what it holds now. Raises StoreUnavailable.
    """
    before = road.publication.current
    kept = await asyncio.to_thread(road.plane.store.snapshots, 1)
    if not kept:
        return
    newest = published_from(kept[0])
    if road.publication.publish(newest) or before is None or not road.publication.set_back(newest, before):
        return
    _log.error("store.put_back", lost=before.version, published=newest.version)


def _note(change: Change) -> None:
    """The digests go to the log: kept elsewhere, they tell when history here was written anew."""
    for event in change.events:
        _log.info(
            "configuration.changed",
            serial=event.serial,
            actor=event.actor,
            action=event.action,
            kind=event.kind,
            name=event.name,
            change=event.change,
            digest=event.digest.hex(),
        )
    if change.snapshot is not None:
        _log.info("snapshot.published", version=change.snapshot.version, serial=change.snapshot.serial)
