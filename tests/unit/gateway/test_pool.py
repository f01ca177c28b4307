"""How many connections a provider may have, those that are only being opened among them."""

from __future__ import annotations

import asyncio
from typing import cast

from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.upstream.connection import UpstreamConnection
from turnpike.gateway.upstream.dial import Dialler, Made
from turnpike.gateway.upstream.pool import CONNECTIONS_MAX, Pool
from turnpike.ports.upstream import Patience, Unreached


class SilentDialler:
    """Opens nothing until it is told that the provider is out of reach."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.dials = 0

    async def dial(self, made: Made, within_seconds: float) -> UpstreamConnection:
        self.dials += 1
        await self.gone.wait()
        raise Unreached("gone")


async def many_at_once(count: int) -> tuple[list[str], str]:
    """Why each of `count` calls at once was not sent, and why one more that came after them was not."""
    dialler = SilentDialler()
    pool = Pool(cast("Dialler", dialler), Deadlines())
    until = asyncio.get_running_loop().time() + 60
    patience = Patience(60, 60, 60, until, until)

    async def call() -> str:
        try:
            await pool.send(b"", b"", patience)
        except Unreached as unreached:
            return unreached.message
        return "sent"

    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(call()) for _ in range(count)]
        while dialler.dials + sum(one.done() for one in calls) < count:
            await asyncio.sleep(0)
        dialler.gone.set()
    return [one.result() for one in calls], await call()


def test_dials_under_way_count_as_connections_and_no_longer_when_they_fail() -> None:
    told, later = asyncio.run(many_at_once(CONNECTIONS_MAX + 2))
    refused = f"{CONNECTIONS_MAX} connections to this provider are open already."
    assert told == ["gone"] * CONNECTIONS_MAX + [refused] * 2
    assert later == "gone"
