"""Rotating and revoking keys."""

from __future__ import annotations

import msgspec

from turnpike.control.document.fault import Fault
from turnpike.control.document.instant import instant_ns
from turnpike.control.document.kind import ResourceId, to_plain
from turnpike.control.document.reference import Hidden
from turnpike.control.document.secret import secret_complaint
from turnpike.control.permissions import OWNER, Actor, check_change
from turnpike.control.plan import Plan, Standing
from turnpike.control.plane import Plane
from turnpike.control.resources.key import Key
from turnpike.control.services.change import Decision
from turnpike.control.services.owners import Holding, check_owner_stays, leaves_no_owner
from turnpike.control.services.part_of_state import state_around_key
from turnpike.control.services.secrets import KEYS, REVOKED_SECRET, key_secret, minted_secret
from turnpike.control.services.sight import find_seen, not_found
from turnpike.control.services.snapshots import After, next_snapshot, next_snapshot_with, stored_snapshot
from turnpike.control.services.standing import rights_of, sealed_secrets, standing_of, team_of
from turnpike.control.services.trail import Entry, continued
from turnpike.domain.errors import Conflict, InvalidRequest
from turnpike.domain.snapshot import Snapshot
from turnpike.ports.clock import SECOND_NS
from turnpike.ports.store import Change, State, StoredKey, StoredSecret

OVERLAP_MAX_SECONDS = 90 * 24 * 3600
"""How long the old secret of a rotated key may stay valid."""

SECRETS_MAX = 5
"""How many secrets may open one key at a time, rotations that overlap included."""


_NO_OWNER = (
    "it was the last key of an owner: nobody is one from afar any more; make another on control's machine"
    " (turnpike keys create NAME --role owner)"
)


class Rotation(msgspec.Struct, frozen=True):
    """How a key is to be rotated; without a `secret` one is made. The old ones stay valid for the overlap."""

    overlap_seconds: float = 0
    secret: Hidden | None = None


def rotate(plane: Plane, actor: Actor, name: str, rotation: Rotation) -> Decision:
    """Give the key a new secret. Raises NotFound, PermissionDenied, Conflict, InvalidRequest."""
    state = state_around_key(plane.store, name)
    found = _found(plane, state, actor, name)
    now = plane.clock.now_ns()
    _check_rotation(found, rotation, now)
    secret = rotation.secret or minted_secret(plane)
    fresh = key_secret(plane, secret)
    _check_unused(plane, fresh)
    until = now + round(rotation.overlap_seconds * SECOND_NS)
    kept = tuple(_until(old, until) for old in found.stored.secrets if until > now and _is_valid(old, now))
    if len(kept) >= SECRETS_MAX:
        raise Conflict(f'key "{name}" has {len(kept)} secrets that are valid: wait until one of them expires')
    rotated = msgspec.structs.replace(found.stored, secrets=(fresh, *kept))
    detail: dict[str, object] = {
        "overlap_seconds": rotation.overlap_seconds,
        "secret": "brought" if rotation.secret else "made",
    }
    plain = to_plain(found.key)
    entry = Entry("rotate", KEYS, name, plain, plain, detail)
    return _decision(plane, state, actor, _Changed(found, rotated, entry, {name: secret}))


def revoke(plane: Plane, actor: Actor, name: str) -> Decision:
    """Withdraw the key for good; again changes nothing. Raises NotFound, PermissionDenied, Conflict."""
    state = state_around_key(plane.store, name)
    found = _found(plane, state, actor, name)
    if found.stored.revoked_at_ns is not None:
        return Decision(Plan("", (), (ResourceId(KEYS, name),)))
    now = plane.clock.now_ns()
    revoked = msgspec.structs.replace(found.stored, revoked_at_ns=now)
    is_owners = rights_of(found.key, found.standing).role == OWNER
    remarks = _checked_owner_stays(plane, actor, revoked, now) if is_owners else ()
    plain = to_plain(found.key)
    entry = Entry("revoke", KEYS, name, plain, {**plain, "revoked": True})
    digests = tuple(secret.digest for secret in revoked.secrets)
    decision = _decision(plane, state, actor, _Changed(found, revoked, entry, {}, digests))
    return msgspec.structs.replace(decision, remarks=remarks)


def _checked_owner_stays(plane: Plane, actor: Actor, revoked: StoredKey, now_ns: int) -> tuple[Fault, ...]:
    """A remark to whoever may lose the last one. Of an owner's key all others matter: only then everything in store is
    looked at. Raises Conflict."""
    state = plane.store.state()
    standing, keys = standing_of(state), {key.name: key for key in state.keys}
    after = Holding(standing, keys | {revoked.name: revoked})
    before = Holding(standing, keys)
    check_owner_stays(actor, before, after, now_ns)
    if not leaves_no_owner(before, after, now_ns):
        return ()
    return (Fault(f"keys/{revoked.name}", 0, 0, "", _NO_OWNER),)


class _Found(msgspec.Struct, frozen=True):
    key: Key
    stored: StoredKey
    standing: Standing


class _Changed(msgspec.Struct, frozen=True):
    found: _Found
    stored: StoredKey
    entry: Entry
    shown: dict[str, Hidden]
    revoked: tuple[bytes, ...] = ()


def _found(plane: Plane, state: State, actor: Actor, name: str) -> _Found:
    standing = standing_of(state)
    id_ = ResourceId(KEYS, name)
    held = standing.get(id_) if find_seen(state, actor, id_) else None
    stored = next((key for key in state.keys if key.name == name), None)
    if held is None or not isinstance(held.resource, Key) or stored is None:
        raise not_found(actor, id_, plane.store.state())
    check_change(actor, id_, [team_of(held.resource, standing)], [rights_of(held.resource, standing)])
    return _Found(held.resource, stored, standing)


def _check_rotation(found: _Found, rotation: Rotation, now_ns: int) -> None:
    name = found.key.name
    if found.stored.revoked_at_ns is not None or found.key.revoked:
        raise Conflict(f'key "{name}" is revoked, which is for good: make a new key, under another name')
    _check_not_over(found.key, now_ns)
    if not 0 <= rotation.overlap_seconds <= OVERLAP_MAX_SECONDS:
        raise InvalidRequest(f"overlap_seconds is a number from 0 to {OVERLAP_MAX_SECONDS}")
    if rotation.secret is None and found.key.secret is not None:
        raise Conflict(
            f'key "{name}" has a secret brought from elsewhere ({found.key.secret}): change it there and apply again,'
            ' or send the new one as "secret"'
        )
    if rotation.secret is not None:
        _check_brought(rotation.secret.reveal())


def _check_not_over(key: Key, now_ns: int) -> None:
    """A new secret of a key that is over would open nothing."""
    if key.expires_at is not None and instant_ns(key.expires_at) <= now_ns:
        raise Conflict(
            f'key "{key.name}" expired at {key.expires_at}, and a new secret would open nothing: first give it a later'
            " expires_at, where the key is written down (its document, or PUT), or make another key"
        )


def _check_brought(secret: str) -> None:
    complaint = secret_complaint("key", secret)
    if complaint is not None:
        raise InvalidRequest(f"secret: {complaint}")


def _check_unused(plane: Plane, fresh: StoredSecret) -> None:
    if plane.store.key_of_digest(fresh.digest) is not None:
        raise Conflict("this secret opens a key already: each rotation needs a new one")
    if plane.store.is_revoked(fresh.digest):
        raise Conflict(f"secret: {REVOKED_SECRET}")


def _until(secret: StoredSecret, until_ns: int) -> StoredSecret:
    if secret.expires_at_ns is not None and secret.expires_at_ns <= until_ns:
        return secret
    return msgspec.structs.replace(secret, expires_at_ns=until_ns)


def _is_valid(secret: StoredSecret, now_ns: int) -> bool:
    return secret.expires_at_ns is None or secret.expires_at_ns > now_ns


def _decision(plane: Plane, state: State, actor: Actor, changed: _Changed) -> Decision:
    snapshot = _snapshot(plane, state, changed.stored)
    trail = continued(plane, state.audit_head, actor, [changed.entry])
    touched = next(r for r in state.resources if (r.kind, r.name) == (KEYS, changed.stored.name))
    change = Change(
        base_revision=state.revision,
        resources=(
            msgspec.structs.replace(touched, revision=state.revision + 1, changed_at_ns=plane.clock.now_ns()),
        ),
        keys=(changed.stored,),
        revoked=changed.revoked,
        events=trail.events,
        audit_head=trail.head,
        snapshot=stored_snapshot(snapshot, actor.name) if snapshot else None,
    )
    return Decision(Plan("", (), ()), change, minted=changed.shown)


def _snapshot(plane: Plane, state: State, key: StoredKey) -> Snapshot | None:
    try:
        return next_snapshot_with(plane, state.snapshot, key)
    except ValueError:
        # What is published is not of this release's making: everything is compiled.
        whole = plane.store.state()
        keys = {one.name: one for one in whole.keys} | {key.name: key}
        return next_snapshot(plane, whole.snapshot, After(standing_of(whole), sealed_secrets(whole), keys))
