"""Work on files beside the event loop, and bounds on the wait for it: a disk may hang, on a network above all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

_Given = ParamSpec("_Given")
_Done = TypeVar("_Done")


class DiskThreads:
    """A few threads for one purpose, so that where its files hang, nothing else does. Make it inside a running loop."""

    def __init__(self, name: str, threads: int, waiting_max: int) -> None:
        self._executor = ThreadPoolExecutor(threads, name)
        self._loop = asyncio.get_running_loop()
        self._waiting_max = waiting_max
        self._under_way: set[asyncio.Future[Any]] = set()

    @property
    def is_full(self) -> bool:
        """Whether as much is under way and waits as may; `begin` takes on more all the same."""
        return len(self._under_way) >= self._waiting_max

    def begin(
        self, work: Callable[_Given, _Done], *given: _Given.args, **named: _Given.kwargs
    ) -> asyncio.Future[_Done]:
        """Have it done, whoever still waits for it then."""
        done = asyncio.wrap_future(self._executor.submit(work, *given, **named), loop=self._loop)
        self._under_way.add(done)
        done.add_done_callback(self._under_way.discard)
        return done

    async def close(self, within_seconds: float) -> None:
        """Wait a while for what is under way and what comes of it, then take on nothing more."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_seconds):
                while self._under_way:
                    await asyncio.wait(self._under_way)
        self._executor.shutdown(wait=False, cancel_futures=True)


async def within(seconds: float, done: asyncio.Future[_Done]) -> _Done:
    """What comes of it. Raises TimeoutError where it takes longer, and goes on then; what the work raises, too."""
    async with asyncio.timeout(seconds):
        return await asyncio.shield(done)
