"""Time limits for many things at once, at the cost of one attribute each.

A timer per call would cost more than the call's own bookkeeping. Here a thing that has a limit
sits in a bucket of a timing wheel; moving its deadline later only sets an attribute, and the
tick that finds it early puts it back where it belongs.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Final

TICK_SECONDS: Final = 0.05
CLOCK_STEP_SECONDS: Final = 0.001
"""The loop's clock may step by this much: a timer set to a tick's edge could come before it."""

NEVER: Final = float("inf")


class Limited(ABC):
    """Something with a deadline: subclasses say in `expire` what passing it means.

    bucket: the one it sits in, -1 where in none. looked_at_by: a deadline from then on needs no earlier bucket.
    """

    __slots__ = ("bucket", "deadline", "looked_at_by")

    def __init__(self) -> None:
        self.deadline = NEVER
        self.bucket = -1
        self.looked_at_by = NEVER

    @abstractmethod
    def expire(self) -> None:
        """The deadline has passed; it has been set to never before this is called."""


class Deadlines:
    """The wheel. `start` it inside a running loop and `stop` it at the end."""

    def __init__(self) -> None:
        self._buckets: dict[int, set[Limited]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0

    def start(self) -> None:
        """Begin to tick on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._next = int(self._loop.time() / TICK_SECONDS)
        self._arm(self._loop)

    def stop(self) -> None:
        """Tick no more; nothing expires after this."""
        if self._timer is not None:
            self._timer.cancel()

    def limit(self, thing: Limited, at: float) -> None:
        """Let `thing` expire at the loop's time `at`, within one tick; replaces what was set."""
        thing.deadline = at
        if at < thing.looked_at_by:
            self._place(thing, at)

    def forget(self, thing: Limited) -> None:
        """Drop `thing`, which is over."""
        thing.deadline = NEVER
        if thing.bucket >= 0:
            self._buckets.get(thing.bucket, set()).discard(thing)
            thing.bucket, thing.looked_at_by = -1, NEVER

    def _place(self, thing: Limited, at: float) -> None:
        if thing.bucket >= 0:
            self._buckets.get(thing.bucket, set()).discard(thing)
        bucket = max(int(at / TICK_SECONDS) + 1, self._next)
        thing.bucket, thing.looked_at_by = bucket, (bucket - 1) * TICK_SECONDS
        members = self._buckets.get(bucket)
        if members is None:
            members = self._buckets[bucket] = set()
        members.add(thing)

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_at(self._next * TICK_SECONDS + CLOCK_STEP_SECONDS, self._tick, loop)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        last = int(now / TICK_SECONDS)
        try:
            while self._next <= last:
                due = self._buckets.pop(self._next, None)
                self._next += 1
                if due:
                    self._settle(due, now)
        finally:
            self._arm(loop)

    def _settle(self, due: set[Limited], now: float) -> None:
        try:
            while due:
                thing = due.pop()
                thing.bucket, thing.looked_at_by = -1, NEVER
                if thing.deadline <= now:
                    thing.deadline = NEVER
                    thing.expire()
                elif thing.deadline != NEVER:
                    self._place(thing, thing.deadline)
        finally:
            if due:  # One had a fault: the others are for the next tick.
                self._buckets.setdefault(self._next, set()).update(due)
