"""Ids of calls: sorted by time, unique over all workers."""

from __future__ import annotations

from typing import Final

from turnpike.domain.ids import COUNTED_DIGITS, CallId, uuid7_frame
from turnpike.ports.clock import Clock
from turnpike.ports.randomness import Randomness

MOMENT_BYTES: Final = 8
"""For 15 hexadecimal digits."""

STOCK_BYTES: Final = 100 * MOMENT_BYTES
"""Asked of the system at once: a system call for each millisecond would be a hundredth of its calls' cost."""

_COUNTS: Final = tuple(f"{count:0{COUNTED_DIGITS}x}" for count in range(16**COUNTED_DIGITS))


class CallIds:
    """Makes one id after the other: those of one millisecond share their chance and are counted."""

    __slots__ = ("_chances", "_count", "_ending", "_now_ms", "_now_ns", "_opening", "_randomness")

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._now_ns = clock.now_ns
        self._randomness = randomness
        self._chances: list[str] = []
        self._now_ms = -1
        self._count = 0
        self._opening = self._ending = ""

    def next(self) -> CallId:
        """A fresh id. It sorts after those before it while the clock goes forward, but for those of one millisecond beyond
        as many as can be counted."""
        now_ms = self._now_ns() // 1_000_000
        if now_ms != self._now_ms or self._count >= len(_COUNTS):
            self._begin(now_ms)
        count = _COUNTS[self._count]
        self._count += 1
        return CallId(self._opening + count + self._ending)

    def _begin(self, now_ms: int) -> None:
        """A new millisecond, or more of one than can be counted, with a chance of its own."""
        if not self._chances:
            stock = self._randomness.take(STOCK_BYTES).hex()
            digits = 2 * MOMENT_BYTES
            self._chances = [stock[at : at + digits] for at in range(0, len(stock), digits)]
        self._now_ms, self._count = now_ms, 0
        self._opening, self._ending = uuid7_frame(now_ms, self._chances.pop())
