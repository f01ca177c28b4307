"""Whoever asks for the metrics waits in a queue of its own, which has an end."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import msgspec
import pytest

from tests.playbook.stage import Outcomes, Stage, WatchedReply
from turnpike.domain.errors import Overloaded
from turnpike.gateway.listing import Listings
from turnpike.gateway.router import SCRAPES_MAX, Router
from turnpike.ports.http import Request
from turnpike.ports.metrics import Exposition

SCRAPE = Request("GET", "/metrics", b"", {}, b"", "", 0)
LIVE = Request("GET", "/livez", b"", {}, b"", "", 0)


class HungCounts(Outcomes):
    """Counts in files that answer when they are let."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = threading.Event()

    def expose(self, accept: str) -> Exposition:
        self.answer.wait()
        return Exposition("text/plain", b"counts")


def test_scrapes_that_hang_are_as_many_as_may_and_hold_up_nothing_else(tmp_path: Path) -> None:
    async def asked() -> None:
        stage, counts = Stage(tmp_path), HungCounts()
        router = Router(msgspec.structs.replace(stage.road, metrics=counts), Listings(), frozenset())
        replies = [WatchedReply() for _ in range(SCRAPES_MAX)]
        async with asyncio.TaskGroup() as group:
            for reply in replies:
                group.create_task(_answer(router, SCRAPE, reply))
            await asyncio.sleep(0)
            with pytest.raises(Overloaded):
                await router(SCRAPE, WatchedReply())
            live = WatchedReply()
            await router(LIVE, live)
            assert live.status == 200
            counts.answer.set()
        assert {reply.unread for reply in replies} == {b"counts"}
        await stage.close()

    asyncio.run(asked())


async def _answer(router: Router, request: Request, reply: WatchedReply) -> None:
    await router(request, reply)
