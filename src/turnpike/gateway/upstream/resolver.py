"""Names to addresses, without blocking, kept for as long as their owner says."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Final

import aiodns
import msgspec

from turnpike.ports.upstream import Unreached

TTL_MIN_SECONDS: Final = 1.0
TTL_MAX_SECONDS: Final = 3600.0
NAMES_MAX: Final = 4096


class Found(msgspec.Struct, frozen=True):
    """Addresses of a name, in the order to be tried, and until when they hold."""

    addresses: tuple[str, ...]
    until: float


class Resolver:
    """Looks names up by c-ares (hosts file, then DNS). `now` is the event loop's clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._known: dict[str, Found] = {}
        self._dns: aiodns.DNSResolver | None = None

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The addresses of `host`, which may be one itself. Raises Unreached where it has none."""
        if is_address(host):
            return (host,)
        found = self._known.get(host)
        if found is None or found.until <= self._now():
            found = await self._look_up(host)
            if len(self._known) >= NAMES_MAX:
                self._known.clear()
            self._known[host] = found
        return found.addresses

    async def _look_up(self, host: str) -> Found:
        if self._dns is None:
            self._dns = aiodns.DNSResolver()
        try:
            result = await self._dns.getaddrinfo(host, type=socket.SOCK_STREAM)
        except aiodns.error.DNSError as fault:
            raise Unreached(f"The name {host} has no address: {fault.args[-1]}.") from fault
        addresses = tuple(_text(node.addr[0]) for node in result.nodes)
        if not addresses:
            raise Unreached(f"The name {host} has no address.")
        ttl = min((node.ttl for node in result.nodes), default=0)
        until = self._now() + min(max(ttl, TTL_MIN_SECONDS), TTL_MAX_SECONDS)
        return Found(addresses, until)


def is_address(host: str) -> bool:
    """Whether `host` is an IP address already."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _text(address: bytes | str) -> str:
    return address.decode() if isinstance(address, bytes) else address
