"""A provider with several addresses is reached by the one that answers."""

from __future__ import annotations

import asyncio
import gc
import socket
from contextlib import ExitStack, suppress
from typing import cast

import pytest
import uvloop

from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.upstream.connection import UpstreamConnection
from turnpike.gateway.upstream.dial import Dialler
from turnpike.gateway.upstream.origin import Origin
from turnpike.gateway.upstream.pool import Pool
from turnpike.gateway.upstream.resolver import Resolver
from turnpike.ports.upstream import Unreached

SILENT, LISTENING = "127.0.0.2", "127.0.0.1"


class Names:
    """Know these addresses of every name, in this order."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def addresses(self, host: str) -> tuple[str, ...]:
        return self._addresses


def dialled(*addresses: str) -> str:
    """The address that was reached within 0.4 s, of one port that is silent at SILENT and open at LISTENING."""
    with ExitStack() as stack:
        listening = stack.enter_context(socket.create_server((LISTENING, 0)))
        port = listening.getsockname()[1]
        silent = stack.enter_context(socket.create_server((SILENT, port), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(silent.getsockname())
        return asyncio.run(dial(port, addresses))


async def dial(port: int, addresses: tuple[str, ...]) -> str:
    origin = Origin(False, "models.example.test", port, "")
    dialler = Dialler(origin, None, None, cast("Resolver", Names(*addresses)))
    pool = Pool(dialler, Deadlines())
    transports: list[asyncio.BaseTransport] = []

    class Told(UpstreamConnection):
        """A connection that says over what it stands."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            transports.append(transport)
            super().connection_made(transport)

    connection = await dialler.dial(lambda: Told(pool), 0.4)
    connection.cut()
    return str(transports[0].get_extra_info("peername")[0])


def test_an_address_that_is_silent_leaves_time_for_the_next() -> None:
    assert dialled(SILENT, LISTENING) == LISTENING


def test_where_every_address_is_silent_time_is_what_ran_out() -> None:
    with pytest.raises(Unreached, match="did not accept a connection within") as unreached:
        dialled(SILENT, SILENT)
    assert unreached.value.timed_out


async def refused(port: int, times: int) -> int:
    """How many objects only the cyclic collector finds after so many dials that nobody took."""
    dialler = Dialler(
        Origin(False, "models.example.test", port, ""), None, None, cast("Resolver", Names(LISTENING))
    )
    pool = Pool(dialler, Deadlines())
    gc.collect()
    gc.disable()
    try:
        for _ in range(times):
            with suppress(Unreached):
                await dialler.dial(lambda: UpstreamConnection(pool), 5)
        return gc.collect()
    finally:
        gc.enable()


def test_dials_that_fail_leave_nothing_to_the_cyclic_collector() -> None:
    with socket.socket() as closed:
        closed.bind((LISTENING, 0))
        found = [uvloop.run(refused(closed.getsockname()[1], times)) for times in (1, 101)]
    assert found[1] - found[0] < 100, "not a thing for each dial"
