"""Who calls the control API."""

from __future__ import annotations

import hmac
import ipaddress

from turnpike.control.document.instant import instant_ns
from turnpike.control.document.kind import ResourceId
from turnpike.control.permissions import OWNER, Actor
from turnpike.control.plan import Held
from turnpike.control.plane import Plane
from turnpike.control.resources.key import Key
from turnpike.control.services.standing import held_of, id_of_stored, rights_of
from turnpike.domain.errors import ExpiredKey, InvalidKey, MissingKey, PermissionDenied, RevokedKey
from turnpike.domain.key import is_mistyped
from turnpike.ports.sealing import KEY_PURPOSE, Seal, local_token, node_token
from turnpike.ports.store import StoredKey

LOCAL_ACTOR = Actor("local", role=OWNER, at_home=True)
"""Who has control's home at hand: it could read the master key, so that no key is asked for."""

SYSTEM_ACTOR = Actor("turnpike", role=OWNER, at_home=True)
"""Control itself, at its start."""

TOKEN_MAX_CHARACTERS = 4096
TEAMS_AT_ONCE = 1000


def is_local(seal: Seal, token: str | None) -> bool:
    """Whether the token is that of whoever has the home at hand."""
    return token is not None and _is(token, local_token(seal))


def check_node(seal: Seal, token: str | None) -> None:
    """Raises MissingKey or InvalidKey unless a gateway worker of ours calls."""
    if token is None:
        raise MissingKey("the node link is for gateway workers, which show a token made from the master key")
    if not _is(token, node_token(seal)):
        raise InvalidKey("not the node link's token: gateway and control must have the same master key")


def identify(plane: Plane, token: str | None, peer: str | None) -> Actor:
    """The caller of the control API who shows `token` from the address `peer`.

    Raises MissingKey, InvalidKey, ExpiredKey, RevokedKey, PermissionDenied.
    """
    if token is None:
        raise MissingKey("a key is needed: send `authorization: Bearer tpk_…`")
    if is_local(plane.seal, token):
        return LOCAL_ACTOR
    if is_mistyped(token):
        raise InvalidKey("the key is mistyped: its checksum does not fit")
    stored = _stored_key(plane, token)
    resource = plane.store.resource("keys", stored.name)
    key = held_of(resource).resource if resource else None
    if not isinstance(key, Key):
        raise InvalidKey("no such key")
    _check_valid(plane, key, stored, token)
    _check_network(key, peer)
    actor = _actor(plane, key)
    if actor.role is None and not actor.teams:
        raise PermissionDenied(
            f'key "{key.name}" has no role on the control API: it opens the gateway only (give it a `role`)'
        )
    return actor


def _stored_key(plane: Plane, token: str) -> StoredKey:
    found = None
    if len(token) <= TOKEN_MAX_CHARACTERS:
        found = plane.store.key_of_digest(plane.seal.digest(token.encode(), KEY_PURPOSE))
    if found is None:
        raise InvalidKey("no such key")
    return found


def _check_valid(plane: Plane, key: Key, stored: StoredKey, token: str) -> None:
    if key.revoked or stored.revoked_at_ns is not None:
        raise RevokedKey(f'key "{key.name}" was revoked')
    now = plane.clock.now_ns()
    digest = plane.seal.digest(token.encode(), KEY_PURPOSE)
    secret = next((s for s in stored.secrets if hmac.compare_digest(s.digest, digest)), None)
    if secret is None:
        raise InvalidKey("no such key")
    if secret.expires_at_ns is not None and secret.expires_at_ns <= now:
        raise ExpiredKey(f'key "{key.name}" was rotated, and this secret of it has expired')
    if key.expires_at is not None and instant_ns(key.expires_at) <= now:
        raise ExpiredKey(f'key "{key.name}" expired at {key.expires_at}')


def _check_network(key: Key, peer: str | None) -> None:
    if key.networks is None:
        return
    try:
        address = ipaddress.ip_address(peer or "")
    except ValueError:
        raise InvalidKey(
            f'key "{key.name}" is bound to networks, and the address of the caller is not known'
        ) from None
    plain = getattr(address, "ipv4_mapped", None) or address
    if not any(plain in ipaddress.ip_network(network) for network in key.networks):
        raise InvalidKey(f'key "{key.name}" is not valid from {plain}')


def _actor(plane: Plane, key: Key) -> Actor:
    """The key's rights: its own, or those of the user whose key it is."""
    if key.user is None:
        rights = rights_of(key, {})
        return Actor(f"keys/{key.name}", key.name, rights.role, rights.teams)
    user = plane.store.resource("users", key.user)
    standing = {ResourceId("users", key.user): held_of(user)} if user else {}
    rights = rights_of(key, standing | _teams(plane))
    return Actor(f"users/{key.user}", key.name, rights.role, rights.teams)


def _teams(plane: Plane) -> dict[ResourceId, Held]:
    """Every team: which of them a user administers is said there."""
    teams: dict[ResourceId, Held] = {}
    after = None
    while page := plane.store.resources("teams", after, TEAMS_AT_ONCE):
        teams |= {id_of_stored(stored): held_of(stored) for stored in page}
        after = page[-1].name
    return teams


def _is(token: str, expected: str) -> bool:
    return hmac.compare_digest(token.encode(), expected.encode())
