"""An event loop on which time passes when nobody has anything else to do: nobody waits, and nothing comes late."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Skipping(selectors.DefaultSelector):
    """Where nothing is ready, what would have been waited for has passed at once."""

    def __init__(self) -> None:
        super().__init__()
        self.passed_seconds = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select()  # No timer is set: only what comes from outside can go on.
        ready = super().select(0)
        if not ready and timeout > 0:
            self.passed_seconds += timeout
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    """Its clock begins at 0, and jumps to the next timer. Not for what waits for threads or sockets with a time limit."""

    def __init__(self) -> None:
        self._skipping = _Skipping()
        super().__init__(self._skipping)

    def time(self) -> float:
        return self._skipping.passed_seconds


def run_skipping(work: Coroutine[Any, Any, None]) -> None:
    """Run it to its end, in no time."""
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(work)
