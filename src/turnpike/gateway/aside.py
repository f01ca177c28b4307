"""Work on large bodies, which would hold the event loop up: done in threads of its own, few at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

AT_ONCE_BYTES: Final = 262_144
"""What is no larger is soon done, on the event loop."""

THREADS: Final = 2

T = TypeVar("T")


class Aside:
    """The threads of one worker for this; make it inside a running loop."""

    __slots__ = ("_loop", "_threads")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(THREADS, "aside")

    async def read(self, read: Callable[[bytes], T], body: bytes) -> T:
        """What `read` makes of a body that is over `AT_ONCE_BYTES`, or raises."""
        return await self._loop.run_in_executor(self._threads, read, body)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises, whose length cannot be told beforehand."""
        return await self._loop.run_in_executor(self._threads, work)

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
