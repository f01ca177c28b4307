"""The last key of an owner: nobody is locked out from afar."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from turnpike.control.document.instant import instant_ns
from turnpike.control.permissions import OWNER, Actor
from turnpike.control.plan import Standing
from turnpike.control.resources.key import Key
from turnpike.control.services.standing import RightsIn
from turnpike.domain.errors import Conflict
from turnpike.ports.store import StoredKey


class Holding(msgspec.Struct, frozen=True):
    """All resources, and what is known of the keys among them, at one moment."""

    standing: Standing
    keys: Mapping[str, StoredKey]


def check_owner_stays(actor: Actor, before: Holding, after: Holding, now_ns: int) -> None:
    """Raises Conflict where a change leaves no owner's key that opens control, or none that lasts.

    Whoever has control's home at hand may: he needs no key to mend it.
    """
    if actor.at_home:
        return
    had, has = _owners_keys(before, now_ns), _owners_keys(after, now_ns)
    lost = had.valid and not has.valid
    if lost or (had.lasting and not has.lasting):
        name = min(had.lasting or had.valid)
        raise Conflict(
            f'key "{name}" is the last key of an owner{"" if lost else " that does not expire"}: make another one first'
            " (turnpike keys create NAME --role owner), or run the command on control's machine with its home at hand"
            " and without TURNPIKE_ADMIN_KEY"
        )


def leaves_no_owner(before: Holding, after: Holding, now_ns: int) -> bool:
    """Whether a change takes the last owner's key that opens control."""
    return bool(_owners_keys(before, now_ns).valid) and not _owners_keys(after, now_ns).valid


class _Owners(msgspec.Struct, frozen=True):
    """Names of owners' keys: those that open control now, and those of them that have no end."""

    valid: frozenset[str]
    lasting: frozenset[str]


def _owners_keys(holding: Holding, now_ns: int) -> _Owners:
    valid, lasting = set(), set()
    rights = RightsIn(holding.standing)
    for held in holding.standing.values():
        key = held.resource
        if not isinstance(key, Key) or rights.of(key).role != OWNER:
            continue
        ends = _ends_ns(key, holding.keys.get(key.name))
        if None in ends:
            lasting.add(key.name)
        if any(end is None or end > now_ns for end in ends):
            valid.add(key.name)
    return _Owners(frozenset(valid), frozenset(lasting))


def _ends_ns(key: Key, stored: StoredKey | None) -> set[int | None]:
    """When each secret of the key ends (None: never); nothing for a key that opens nothing."""
    if stored is None or key.revoked or stored.revoked_at_ns is not None:
        return set()
    if key.expires_at is None:
        return {secret.expires_at_ns for secret in stored.secrets}
    end = instant_ns(key.expires_at)
    return {end if s.expires_at_ns is None else min(end, s.expires_at_ns) for s in stored.secrets}
