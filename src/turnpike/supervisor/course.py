"""Where the supervisor stands, and a way to wait until that changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Course:
    """Shared by the supervisor and its roles: whoever changes something rings, whoever waits looks again."""

    def __init__(self) -> None:
        self._stopping = False
        self._at_once = False
        self._bell = asyncio.Event()

    def stopping(self) -> bool:
        """Whether an end was asked for."""
        return self._stopping

    def at_once(self) -> bool:
        """Whether that end shall not wait for anything."""
        return self._at_once

    def stop(self) -> None:
        """Ask for an end in good order."""
        self._stopping = True
        self.ring()

    def interrupt(self) -> None:
        """Ctrl-C: the first asks for an end in good order, the second for one at once."""
        self._at_once = self._stopping
        self.stop()

    def ring(self) -> None:
        """Let everyone who waits look again."""
        self._bell.set()
        self._bell = asyncio.Event()

    async def until(self, happened: Callable[[], bool], within_seconds: float | None = None) -> bool:
        """Wait for something to have happened; False where it did not within the time."""
        try:
            async with asyncio.timeout(within_seconds):
                while not happened():
                    await self._bell.wait()
        except TimeoutError:
            return happened()
        return True
