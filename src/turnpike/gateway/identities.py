"""Who calls: keys found by their digests, and all that follows from a key."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from turnpike.domain.errors import ExpiredKey, InvalidKey, MissingKey, RevokedKey
from turnpike.domain.key import is_mistyped
from turnpike.domain.snapshot import Key
from turnpike.gateway.grants import Grants
from turnpike.ports.http import Request
from turnpike.ports.sealing import KEY_PURPOSE, Seal

KEY_HEADERS: Final = (b"x-api-key", b"api-key", b"x-goog-api-key")
KEY_MAX_BYTES: Final = 4096
QUERY_KEY: Final = b"key="
"""Written so and not otherwise: what is read as a key here is what is kept from going upstream."""
BEARER: Final = b"bearer "

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Holder:
    """A key of the snapshot with what is worked out from it once."""

    __slots__ = ("grants", "key", "networks")

    def __init__(self, key: Key) -> None:
        self.key = key
        self.networks: tuple[Network, ...] = tuple(ipaddress.ip_network(network) for network in key.networks)
        self.grants = Grants()


class Identities:
    """Every key of a snapshot, by the digests of its secrets."""

    def __init__(self, keys: tuple[Key, ...], seal: Seal) -> None:
        self._seal = seal
        self._by_digest: dict[bytes, tuple[Holder, int | None]] = {}
        for key in keys:
            holder = Holder(key)
            for secret in key.secrets:
                self._by_digest[secret.digest] = (holder, _sooner(secret.expires_at_ns, key.expires_at_ns))

    def identify(self, request: Request, now_ns: int) -> Holder:
        """Whose request this is. Raises MissingKey, InvalidKey, ExpiredKey or RevokedKey."""
        presented = presented_key(request)
        if presented is None:
            raise MissingKey(
                "No key came with the request. Send a Turnpike key as "
                "`Authorization: Bearer tpk_…`, `x-api-key` or `api-key`."
            )
        digest = self._seal.digest(presented, KEY_PURPOSE)
        found = self._by_digest.get(digest)
        if found is None:
            raise InvalidKey(_why_unknown(presented))
        holder, expires_at_ns = found
        if holder.key.revoked:
            raise RevokedKey("This key was revoked. Ask for a new one.")
        if expires_at_ns is not None and now_ns >= expires_at_ns:
            raise ExpiredKey("This key has expired. Ask for a new one.")
        if holder.networks and not _is_inside(request.peer, holder.networks):
            raise InvalidKey(f"This key may not be used from the address {request.peer}.")
        return holder

    def within(self, keys: tuple[Key, ...]) -> Identities:
        """The same, with no secret that opens more than `keys` let it: what is gone there, over or revoked is so here."""
        bounds = {
            secret.digest: (key, _sooner(secret.expires_at_ns, key.expires_at_ns))
            for key in keys
            for secret in key.secrets
        }
        rest = Identities((), self._seal)
        for digest, (holder, expires_at_ns) in self._by_digest.items():
            bound = bounds.get(digest)
            if bound is None:
                continue
            key, until_ns = bound
            ended = _revoked(holder) if key.revoked and not holder.key.revoked else holder
            rest._by_digest[digest] = (ended, _sooner(expires_at_ns, until_ns))
        return rest


def presented_key(request: Request) -> bytes | None:
    """The key that came with a request, wherever each vendor's SDK puts it."""
    headers = request.headers
    authorization = headers.get(b"authorization")
    if authorization is not None and authorization[:7].lower() == BEARER:
        return authorization[7:].strip() or None
    for name in KEY_HEADERS:
        key = headers.get(name)
        if key:
            return key
    return _key_in(request.query) if QUERY_KEY in request.query else None


def without_key(query: bytes) -> bytes:
    """The query as it may go upstream: every pair by which `presented_key` could know a key is left out."""
    return b"&".join(pair for pair in query.split(b"&") if not pair.startswith(QUERY_KEY))


def _revoked(holder: Holder) -> Holder:
    return Holder(msgspec.structs.replace(holder.key, revoked=True))


def _key_in(query: bytes) -> bytes | None:
    for pair in query.split(b"&"):
        if pair.startswith(QUERY_KEY) and len(pair) > len(QUERY_KEY):
            return unquote_to_bytes(pair[len(QUERY_KEY) :])
    return None


def _why_unknown(presented: bytes) -> str:
    if is_mistyped(presented[:KEY_MAX_BYTES].decode("latin-1")):
        return "This key is mistyped: its checksum is wrong. Copy it again, whole."
    return "No key like this is known here. Check that it is a key of this gateway."


def _sooner(one_ns: int | None, other_ns: int | None) -> int | None:
    """The earlier end of two; None is none."""
    if one_ns is None or other_ns is None:
        return other_ns if one_ns is None else one_ns
    return min(one_ns, other_ns)


def _is_inside(peer: str, networks: tuple[Network, ...]) -> bool:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
