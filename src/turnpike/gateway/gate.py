"""The way in: open while there is a configuration to serve, room, and no order to stop."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType

from turnpike.domain.errors import Draining, NotReady, Overloaded
from turnpike.gateway.provision import Serving


class Gate:
    """Counts the calls in flight, and holds what they are served with."""

    __slots__ = ("_calls_max", "_emptied", "draining", "in_flight", "serving")

    def __init__(self, calls_max: int) -> None:
        self._calls_max = calls_max
        self.serving: Serving | None = None
        self.draining = False
        self.in_flight = 0
        self._emptied = asyncio.Event()

    async def drain(self, within_seconds: float) -> None:
        """Let nobody in any more; returns when the last call is out, or after so long."""
        self.draining = True
        if self.in_flight:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), within_seconds)

    def __enter__(self) -> Serving:
        """Let a call in. Raises Draining, NotReady or Overloaded."""
        if self.draining:
            raise Draining("The gateway is stopping; another will answer.")
        if self.serving is None:
            raise NotReady("The gateway has no configuration yet; try again in a moment.")
        if self.in_flight >= self._calls_max:
            raise Overloaded(f"{self._calls_max} calls are in flight here, which is the most.")
        self.in_flight += 1
        return self.serving

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let it out."""
        self.in_flight -= 1
        if self.draining and not self.in_flight:
            self._emptied.set()
