"""What a change means to those who serve: whether it ends a secret's validity, and whether anything is to be made ready."""

from __future__ import annotations

import math

import msgspec

from turnpike.domain.snapshot import Snapshot, decode_snapshot
from turnpike.ports.store import StoredSnapshot


class Effect(msgspec.Struct, frozen=True):
    """What workers have to do about a change.

    withdraws: a secret opens nothing any more, or not for as long as before: that must not wait.
    provisions: there is something to make ready, which a worker may be unable to: it is asked first.
    """

    withdraws: bool = False
    provisions: bool = False


def effect_of(published: StoredSnapshot | None, snapshot: Snapshot | None) -> Effect:
    """The effect of serving from `snapshot` after what is published; None where workers have nothing to learn."""
    if snapshot is None:
        return Effect()
    before = _decoded(published)
    if before is None:
        return Effect(provisions=True)
    ends = _ends_ns(snapshot)
    return Effect(
        withdraws=any(ends.get(digest, -math.inf) < end for digest, end in _ends_ns(before).items()),
        provisions=(before.providers, before.models) != (snapshot.providers, snapshot.models),
    )


def _decoded(published: StoredSnapshot | None) -> Snapshot | None:
    try:
        return None if published is None else decode_snapshot(published.body)
    except ValueError:
        # Another release wrote it, and what it grants is not known here.
        return None


def _ends_ns(snapshot: Snapshot) -> dict[bytes, float]:
    """Until when each secret opens its key, by its digest; those of revoked keys open nothing."""
    return {
        secret.digest: min(_or_never(secret.expires_at_ns), _or_never(key.expires_at_ns))
        for key in snapshot.keys
        if not key.revoked
        for secret in key.secrets
    }


def _or_never(at_ns: int | None) -> float:
    return math.inf if at_ns is None else at_ns
