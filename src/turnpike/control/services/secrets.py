"""What becomes of secrets in a change: sealed or digested, kept, dropped, or made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

import msgspec

from turnpike.control.document.fault import Fault
from turnpike.control.document.kind import ResourceId
from turnpike.control.document.reference import Hidden
from turnpike.control.document.secret import Fresh, Kept, SecretAddress
from turnpike.control.plan import Deletion, Plan
from turnpike.control.plane import Plane
from turnpike.control.services.standing import sealed_secrets
from turnpike.domain.key import MINTING_BYTES, mint_key
from turnpike.ports.sealing import CREDENTIAL_PURPOSE, KEY_PURPOSE
from turnpike.ports.store import SealedSecret, State, StoredKey, StoredSecret

KEYS = "keys"

REVOKED_SECRET = "this secret was revoked once, which is for good: give the key another one"


class Secrets(msgspec.Struct, frozen=True):
    """Every secret after a change; `changed` are those whose value differs from the one in store."""

    sealed: Mapping[SecretAddress, SealedSecret]
    keys: Mapping[str, StoredKey]
    changed: frozenset[SecretAddress] = frozenset()
    minted: Mapping[str, Hidden] = {}


def settled_secrets(plane: Plane, state: State, settled: Iterable[Fresh | Kept]) -> Secrets:
    """The secrets in store with those of a document in their places."""
    sealed, keys = sealed_secrets(state), {key.name: key for key in state.keys}
    changed: set[SecretAddress] = set()
    before = dict(sealed)
    for item in settled:
        address = item.slot.address
        if item.slot.purpose == KEY_PURPOSE:
            key = _brought(plane, keys.get(address.name), item)
            differs = key != keys.get(address.name)
            keys[address.name] = key
        else:
            sealed[address] = _sealed(plane, before, item)
            differs = address not in before or sealed[address].closed != before[address].closed
        if differs:
            changed.add(address)
    return Secrets(sealed, keys, frozenset(changed))


def planned_secrets(plane: Plane, secrets: Secrets, plan: Plan, named: Iterable[SecretAddress]) -> Secrets:
    """The secrets once `plan` is carried out: those it drops are gone, keys without one have a fresh one.

    `named` are the secrets that the plan's document names: what else a changed resource had goes.
    """
    touched = {change.id for change in plan.changes}
    stay = frozenset(named)
    sealed = {
        a: s for a, s in secrets.sealed.items() if a in stay or ResourceId(a.kind, a.name) not in touched
    }
    gone = {
        change.id.name for change in plan.changes if isinstance(change, Deletion) and change.id.kind == KEYS
    }
    keys = {name: key for name, key in secrets.keys.items() if name not in gone}
    minted = {
        change.id.name: minted_secret(plane)
        for change in plan.changes
        if change.id.kind == KEYS and change.id.name not in keys and change.id.name not in gone
    }
    for name, secret in minted.items():
        keys[name] = StoredKey(name, (key_secret(plane, secret),))
    return msgspec.structs.replace(secrets, sealed=sealed, keys=keys, minted=minted)


def shared_secret_faults(secrets: Secrets, settled: Iterable[Fresh | Kept]) -> tuple[Fault, ...]:
    """A fault for each secret of a document that opens two keys: nobody could tell their calls apart."""
    openers: dict[bytes, int] = {}
    for key in secrets.keys.values():
        for secret in key.secrets:
            openers[secret.digest] = openers.get(secret.digest, 0) + 1
    shared = {name for name, key in secrets.keys.items() if any(openers[s.digest] > 1 for s in key.secrets)}
    message = "another key has this secret: each key needs one of its own"
    return tuple(
        Fault(slot.file, slot.place.line, slot.place.column, slot.path, message)
        for slot in (item.slot for item in settled)
        if slot.purpose == KEY_PURPOSE and slot.address.name in shared
    )


def revoked_secret_faults(
    secrets: Secrets, settled: Iterable[Fresh | Kept], revoked: Set[bytes]
) -> tuple[Fault, ...]:
    """A fault for each secret of a document that was revoked, with this key or another, and would open again."""
    slots = (item.slot for item in settled if item.slot.purpose == KEY_PURPOSE)
    return tuple(
        Fault(slot.file, slot.place.line, slot.place.column, slot.path, REVOKED_SECRET)
        for slot in slots
        if (key := secrets.keys[slot.address.name]).revoked_at_ns is None
        and any(secret.digest in revoked for secret in key.secrets)
    )


def minted_secret(plane: Plane) -> Hidden:
    """A fresh secret for a key."""
    return Hidden(mint_key(plane.randomness.take(MINTING_BYTES)))


def key_secret(plane: Plane, secret: Hidden) -> StoredSecret:
    """A secret as the store knows it: its digest."""
    digest = plane.seal.digest(secret.reveal().encode(), KEY_PURPOSE)
    return StoredSecret(digest, plane.clock.now_ns())


def _brought(plane: Plane, stored: StoredKey | None, item: Fresh | Kept) -> StoredKey:
    if isinstance(item, Kept):
        if stored is None:
            raise ValueError(f"{item.slot.address} is kept, and nothing is stored for it")
        return stored
    secret = key_secret(plane, item.value)
    if stored is None:
        return StoredKey(item.slot.address.name, (secret,))
    if stored.revoked_at_ns is not None:
        # Nothing that it is given opens anything; the secret may yet be another key's.
        return stored
    now = plane.clock.now_ns()
    if any(
        s.digest == secret.digest and (s.expires_at_ns is None or s.expires_at_ns > now)
        for s in stored.secrets
    ):
        return stored
    return msgspec.structs.replace(stored, secrets=(secret,))


def _sealed(plane: Plane, before: Mapping[SecretAddress, SealedSecret], item: Fresh | Kept) -> SealedSecret:
    """The secret for its place; where the value in store is the same, it stays closed as it is."""
    slot, stored = item.slot, before.get(item.slot.address)
    value = item.value.reveal().encode() if isinstance(item, Fresh) else _opened(plane, before[item.source])
    if stored is not None and _opened(plane, stored) == value:
        return SealedSecret(slot.written, stored.closed)
    return SealedSecret(slot.written, plane.seal.close(value, CREDENTIAL_PURPOSE))


def _opened(plane: Plane, secret: SealedSecret) -> bytes:
    return plane.seal.open(secret.closed, CREDENTIAL_PURPOSE)
