"""Names to addresses, without blocking, kept for as long as their owner says."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Final

import aiodns
import msgspec
import pycares

from turnpike.ports.upstream import Unreached

TTL_MIN_SECONDS: Final = 1.0
TTL_MAX_SECONDS: Final = 3600.0
STALE_SECONDS: Final = 3600.0
"""How long addresses are used after their time where nobody can say better (RFC 8767)."""

NAMES_MAX: Final = 4096


Ask = Callable[[str], Awaitable[pycares.AddrInfoResult]]


NAMELESS: Final = "its name has no address"


class Found(msgspec.Struct, frozen=True):
    """Addresses of a name, in the order to be tried, and until when they hold."""

    addresses: tuple[str, ...]
    until: float


class CAres:
    """The hosts file, then DNS, by c-ares, which does not block."""

    def __init__(self) -> None:
        self._dns: aiodns.DNSResolver | None = None

    async def ask(self, host: str) -> pycares.AddrInfoResult:
        """The addresses of a name and their times. Raises aiodns.error.DNSError."""
        if self._dns is None:
            self._dns = aiodns.DNSResolver()
        return await self._dns.getaddrinfo(host, type=socket.SOCK_STREAM)


class Resolver:
    """Looks names up, each by one question at a time. `now` is the event loop's clock."""

    def __init__(self, now: Callable[[], float], ask: Ask | None = None) -> None:
        self._now = now
        self._ask = ask or CAres().ask
        self._known: dict[str, Found] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def addresses(self, host: str) -> tuple[str, ...]:
        """The addresses of `host`, which may be one itself. Raises Unreached where it has none."""
        if is_address(host):
            return (host,)
        found = self._fresh(host) or await self._ask_once(host)
        return found.addresses

    def _fresh(self, host: str) -> Found | None:
        found = self._known.get(host)
        return found if found is not None and found.until > self._now() else None

    async def _ask_once(self, host: str) -> Found:
        lock = self._asking.setdefault(host, asyncio.Lock())
        try:
            async with lock:
                found = self._fresh(host)
                if found is None:
                    found = await self._renew(host)
                return found
        finally:
            if not lock.locked():
                self._asking.pop(host, None)

    async def _renew(self, host: str) -> Found:
        """Ask anew; where nobody answers, what was known before holds a little longer."""
        old = self._known.get(host)
        try:
            found = await self._look_up(host)
        except Unreached:
            if old is None or old.until + STALE_SECONDS < self._now():
                raise
            return old
        if len(self._known) >= NAMES_MAX:
            self._known.clear()
        self._known[host] = found
        return found

    async def _look_up(self, host: str) -> Found:
        try:
            result = await self._ask(host)
        except aiodns.error.DNSError as fault:
            raise Unreached(f"The name {host} has no address: {fault.args[-1]}.", told=NAMELESS) from fault
        addresses = tuple(_text(node.addr[0]) for node in result.nodes)
        if not addresses:
            raise Unreached(f"The name {host} has no address.", told=NAMELESS)
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
