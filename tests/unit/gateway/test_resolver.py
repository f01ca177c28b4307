"""Names are looked up beside the event loop, once at a time, and kept for as long as their owner says."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable
from typing import cast

import aiodns
import pytest

from turnpike.gateway.upstream.resolver import STALE_SECONDS, TTL_MIN_SECONDS, Resolver
from turnpike.ports.upstream import Unreached

NAME = "models.example.test"
TYPE_A = 1
NAME_ERROR = 3


class NameServer(asyncio.DatagramProtocol):
    """Answers every question for an IPv4 address with `addresses`, or with "no such name" for none."""

    def __init__(self) -> None:
        self.addresses: list[str] = ["192.0.2.1"]
        self.ttl_seconds = 60
        self.asked = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        end = data.index(b"\0", 12) + 5
        (kind,) = struct.unpack("!H", data[end - 4 : end - 2])
        self.asked += kind == TYPE_A
        found = self.addresses if kind == TYPE_A else []
        flags = 0x8180 if self.addresses else 0x8180 | NAME_ERROR
        head = struct.pack("!2s5H", data[:2], flags, 1, len(found), 0, 0)
        records = [
            struct.pack("!HHHIH4B", 0xC00C, TYPE_A, 1, self.ttl_seconds, 4, *map(int, address.split(".")))
            for address in found
        ]
        self._transport.sendto(head + data[12:end] + b"".join(records), addr)


class Scene:
    """A resolver that asks the server above, and a clock that is set."""

    def __init__(self, server: NameServer, port: int) -> None:
        self.server = server
        self.now = 1000.0
        self.resolver = Resolver(
            lambda: self.now,
            lambda: aiodns.DNSResolver(nameservers=[f"127.0.0.1:{port}"], lookups="b", timeout=2.0, tries=1),
        )

    async def addresses(self) -> tuple[str, ...]:
        return await self.resolver.addresses(NAME)


def play(scene: Callable[[Scene], Awaitable[None]]) -> None:
    async def played() -> None:
        loop = asyncio.get_running_loop()
        transport, server = await loop.create_datagram_endpoint(NameServer, ("127.0.0.1", 0))
        try:
            await scene(Scene(server, transport.get_extra_info("sockname")[1]))
        finally:
            transport.close()

    asyncio.run(played())


def test_an_address_is_kept_for_its_ttl() -> None:
    async def scene(s: Scene) -> None:
        assert await s.addresses() == ("192.0.2.1",)
        s.server.addresses = ["192.0.2.2"]
        s.now += 59
        assert await s.addresses() == ("192.0.2.1",)
        assert s.server.asked == 1

    play(scene)


def test_an_address_is_asked_for_anew_after_its_ttl() -> None:
    async def scene(s: Scene) -> None:
        s.server.ttl_seconds = 0  # c-ares keeps others itself, by the machine's clock
        assert await s.addresses() == ("192.0.2.1",)
        s.server.addresses = ["192.0.2.2"]
        s.now += TTL_MIN_SECONDS
        assert await s.addresses() == ("192.0.2.2",)

    play(scene)


def test_many_who_ask_at_once_cost_one_question() -> None:
    async def scene(s: Scene) -> None:
        found = await asyncio.gather(*(s.addresses() for _ in range(50)))
        assert set(found) == {("192.0.2.1",)}
        assert s.server.asked == 1

    play(scene)


def test_a_name_without_an_address_is_out_of_reach_and_may_come_later() -> None:
    async def scene(s: Scene) -> None:
        s.server.addresses = []
        with pytest.raises(Unreached, match="has no address"):
            await s.addresses()
        s.server.addresses = ["192.0.2.3"]
        assert await s.addresses() == ("192.0.2.3",)

    play(scene)


def test_what_was_known_holds_for_a_while_when_the_name_is_not_found_any_more() -> None:
    async def scene(s: Scene) -> None:
        s.server.ttl_seconds = 0
        await s.addresses()
        s.server.addresses = []
        s.now += TTL_MIN_SECONDS
        assert await s.addresses() == ("192.0.2.1",)
        s.now += STALE_SECONDS + 1
        with pytest.raises(Unreached):
            await s.addresses()

    play(scene)


def test_an_address_needs_no_question() -> None:
    async def scene(s: Scene) -> None:
        assert await s.resolver.addresses("192.0.2.9") == ("192.0.2.9",)
        assert await s.resolver.addresses("::1") == ("::1",)
        assert s.server.asked == 0

    play(scene)
