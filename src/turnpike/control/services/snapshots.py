"""Snapshots as they are published: their content, their version, and the last ones in store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from turnpike.control.compile import Closed, Stamp, compile_snapshot
from turnpike.control.document.kind import Resource
from turnpike.control.document.secret import SecretAddress
from turnpike.control.plan import Standing
from turnpike.control.plane import Plane
from turnpike.control.resources.key import Key
from turnpike.domain import snapshot as domain
from turnpike.domain.snapshot import Secret, Snapshot, decode_snapshot, encode_snapshot
from turnpike.ports.store import SealedSecret, StoredKey, StoredSnapshot

_DIGEST_CHARACTERS = 12


class After(msgspec.Struct, frozen=True):
    """All configuration as it is once a change is made: what a snapshot is compiled from."""

    standing: Standing
    sealed: Mapping[SecretAddress, SealedSecret]
    keys: Mapping[str, StoredKey]


def next_snapshot(plane: Plane, previous: StoredSnapshot | None, after: After) -> Snapshot | None:
    """The snapshot to publish; None where workers would serve no differently with it.

    Its version is its serial number and the beginning of its digest: `12-9f86d081884c`. The time is
    part of the digest: what workers refused once is, when it is tried again, another version to them.
    """
    return _next(plane, previous, _content(plane, after))


def next_snapshot_with(plane: Plane, published: StoredSnapshot | None, key: StoredKey) -> Snapshot | None:
    """As `next_snapshot` where nothing but this key changed, without compiling everything else anew.

    Raises ValueError where what is published cannot be read, or does not hold the key.
    """
    if published is None:
        raise ValueError("nothing is published")
    before = decode_snapshot(published.body)
    if all(one.name != key.name for one in before.keys):
        raise ValueError(f'the key "{key.name}" is not among those published')
    keys = tuple(_as_stored(one, key) if one.name == key.name else one for one in before.keys)
    return _next(plane, published, msgspec.structs.replace(before, keys=keys))


def _next(plane: Plane, previous: StoredSnapshot | None, content: Snapshot) -> Snapshot | None:
    if previous is not None and _is_in(previous, content):
        return None
    serial = previous.serial + 1 if previous else 1
    now = plane.clock.now_ns()
    stamped = msgspec.structs.replace(content, version="", serial=serial, created_at_ns=now)
    digest = hashlib.sha256(encode_snapshot(stamped)).hexdigest()[:_DIGEST_CHARACTERS]
    return msgspec.structs.replace(stamped, version=f"{serial}-{digest}")


def stored_snapshot(snapshot: Snapshot, actor: str) -> StoredSnapshot:
    """The snapshot as the store keeps it."""
    return StoredSnapshot(
        snapshot.serial, snapshot.version, snapshot.created_at_ns, actor, encode_snapshot(snapshot)
    )


def _content(plane: Plane, after: After) -> Snapshot:
    resources = [_with_revocation(after.standing[id_].resource, after.keys) for id_ in after.standing]
    closed = Closed(
        sealed={address: secret.closed for address, secret in after.sealed.items()},
        keys={key.name: _published_secrets(key) for key in after.keys.values()},
    )
    return compile_snapshot(resources, closed, plane.providers, Stamp("", 0, 0, plane.organisation))


def _published_secrets(key: StoredKey) -> tuple[Secret, ...]:
    return tuple(Secret(secret.digest, secret.expires_at_ns) for secret in key.secrets)


def _as_stored(key: domain.Key, stored: StoredKey) -> domain.Key:
    revoked = key.revoked or stored.revoked_at_ns is not None
    return msgspec.structs.replace(key, secrets=_published_secrets(stored), revoked=revoked)


def _with_revocation(resource: Resource, keys: Mapping[str, StoredKey]) -> Resource:
    """A key that was revoked stays so, whatever its document says."""
    if not isinstance(resource, Key):
        return resource
    stored = keys.get(resource.name)
    if stored is None or stored.revoked_at_ns is None:
        return resource
    return msgspec.structs.replace(resource, revoked=True)


def _is_in(stored: StoredSnapshot, content: Snapshot) -> bool:
    """Whether this is what was published, but for its stamp.

    One that another release encoded otherwise is not: it is published anew with the next change.
    """
    stamped = msgspec.structs.replace(
        content, version=stored.version, serial=stored.serial, created_at_ns=stored.created_at_ns
    )
    return encode_snapshot(stamped) == stored.body
