"""The audit trail: events chained so that any later change of history shows."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

import msgspec

from turnpike.control.permissions import Actor
from turnpike.control.plane import Plane
from turnpike.domain.ids import CHANCE_BYTES, uuid7
from turnpike.ports.store import AuditEvent, AuditHead, EventQuery

PURPOSE = "audit"
"""The seal's purpose for digests of events: without the master key nobody can make a fitting chain."""

HEAD_PURPOSE = "audit-head"

ACTIONS = ("create", "update", "delete", "rotate", "revoke")
"""What an event can say that was done; the last two of keys alone."""

VERIFIED_AT_ONCE = 500
"""How many events are read from the store at a time."""


class Entry(msgspec.Struct, frozen=True):
    """One change that is to be written down."""

    action: str
    kind: str
    name: str
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None
    detail: dict[str, object] = {}


class Verdict(msgspec.Struct, frozen=True):
    """What a look at the whole trail found: `fault` is None where history is as it was written."""

    events: int
    intact: bool
    fault: str | None = None
    at_serial: int | None = None


class Continued(msgspec.Struct, frozen=True):
    """Events that continue the trail, and its end after them."""

    events: tuple[AuditEvent, ...]
    head: AuditHead


def continued(plane: Plane, head: AuditHead, actor: Actor, entries: Iterable[Entry]) -> Continued:
    """The entries as events of one change that continue the trail at `head`."""
    at_ns = plane.clock.now_ns()
    change = uuid7(at_ns, plane.randomness.take(CHANCE_BYTES).hex())
    events = []
    for entry in entries:
        detail = {**entry.detail, **_key_of(actor)}
        event = AuditEvent(
            serial=head.serial + 1,
            at_ns=at_ns,
            actor=actor.name,
            action=entry.action,
            kind=entry.kind,
            name=entry.name,
            before=entry.before,
            after=entry.after,
            detail=detail,
            change=change,
            previous=head.digest,
            digest=b"",
        )
        event = msgspec.structs.replace(event, digest=_digest(plane, event))
        head = AuditHead(event.serial, event.digest)
        events.append(event)
    mark = _mark(plane, head)
    return Continued(tuple(events), msgspec.structs.replace(head, mark=mark))


def verify_trail(plane: Plane) -> Verdict:
    """Follow the chain from the first event to the last, and compare with the head that is kept apart."""
    head = plane.store.audit_head()
    reached = AuditHead()
    while reached.serial < head.serial:
        query = EventQuery(VERIFIED_AT_ONCE, after=reached.serial, oldest_first=True)
        events = plane.store.events(query)
        for event in events:
            fault = _fault(plane, reached, event)
            if fault:
                return Verdict(reached.serial, intact=False, fault=fault, at_serial=reached.serial + 1)
            reached = AuditHead(event.serial, event.digest)
        if not events:
            fault = f"{head.serial} events were written, the last ones are gone"
            return Verdict(reached.serial, intact=False, fault=fault, at_serial=reached.serial + 1)
    cut = reached.serial == head.serial and reached.digest != head.digest
    if cut or (head.serial and not hmac.compare_digest(head.mark, _mark(plane, head))):
        fault = "the trail's end is not the one that was written"
        return Verdict(reached.serial, intact=False, fault=fault, at_serial=head.serial)
    return Verdict(reached.serial, intact=True)


def _key_of(actor: Actor) -> dict[str, object]:
    """The key that a user showed; an actor that is a key itself is named by it already."""
    return {"key": actor.key} if actor.key and actor.name != f"keys/{actor.key}" else {}


def _fault(plane: Plane, before: AuditHead, event: AuditEvent) -> str | None:
    if event.serial != before.serial + 1:
        return f"event {before.serial + 1} is gone"
    if event.previous != before.digest:
        return f"event {event.serial} does not follow the event before it"
    if not hmac.compare_digest(event.digest, _digest(plane, event)):
        return f"event {event.serial} was changed after it was written"
    return None


def _digest(plane: Plane, event: AuditEvent) -> bytes:
    content = msgspec.structs.replace(event, digest=b"")
    return plane.seal.digest(msgspec.json.encode(content, order="deterministic"), PURPOSE)


def _mark(plane: Plane, head: AuditHead) -> bytes:
    return plane.seal.digest(b"%d:%s" % (head.serial, head.digest), HEAD_PURPOSE)
