"""Names are looked up once at a time, and kept for as long as their owner says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import aiodns
import pycares
import pytest

from turnpike.gateway.upstream.resolver import STALE_SECONDS, TTL_MIN_SECONDS, Resolver
from turnpike.ports.upstream import Unreached

NAME = "models.example.test"


class NameServers:
    """Know `addresses` of every name for `ttl_seconds`; none stands for a name that is not known."""

    def __init__(self) -> None:
        self.addresses = ["192.0.2.1"]
        self.ttl_seconds = 60
        self.asked = 0

    async def ask(self, host: str) -> pycares.AddrInfoResult:
        self.asked += 1
        await asyncio.sleep(0)
        if not self.addresses:
            raise aiodns.error.DNSError(aiodns.error.ARES_ENOTFOUND, "Domain name not found")
        return pycares.AddrInfoResult(
            cnames=[],
            nodes=[
                pycares.AddrInfoNode(
                    ttl=self.ttl_seconds,
                    flags=0,
                    family=socket.AF_INET,
                    socktype=socket.SOCK_STREAM,
                    protocol=0,
                    addr=(address.encode(), 0),
                )
                for address in self.addresses
            ],
        )


class Scene:
    """A resolver that asks the servers above, and a clock that is set."""

    def __init__(self) -> None:
        self.server = NameServers()
        self.now = 1000.0
        self.resolver = Resolver(lambda: self.now, self.server.ask)

    async def addresses(self) -> tuple[str, ...]:
        return await self.resolver.addresses(NAME)


def play(scene: Callable[[Scene], Awaitable[None]]) -> None:
    async def played() -> None:
        await scene(Scene())

    asyncio.run(played())


def test_an_address_is_kept_for_its_ttl_and_asked_for_anew_after_it() -> None:
    async def scene(s: Scene) -> None:
        assert await s.addresses() == ("192.0.2.1",)
        s.server.addresses = ["192.0.2.2"]
        s.now += 59
        assert await s.addresses() == ("192.0.2.1",)
        assert s.server.asked == 1
        s.now += 1
        assert await s.addresses() == ("192.0.2.2",)

    play(scene)


def test_an_address_without_a_time_is_kept_for_a_moment() -> None:
    async def scene(s: Scene) -> None:
        s.server.ttl_seconds = 0
        await s.addresses()
        s.now += TTL_MIN_SECONDS / 2
        await s.addresses()
        assert s.server.asked == 1
        s.now += TTL_MIN_SECONDS
        await s.addresses()
        assert s.server.asked == 2

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
        await s.addresses()
        s.server.addresses = []
        s.now += 60
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


def test_the_machines_own_names_are_known_without_a_server() -> None:
    async def asked() -> tuple[str, ...]:
        return await Resolver(asyncio.get_running_loop().time).addresses("localhost")

    assert "127.0.0.1" in asyncio.run(asked())
