"""Ids of calls: sorted by time, unique over all workers."""

from __future__ import annotations

from typing import Final

from turnpike.domain.ids import CHANCE_DIGITS, CallId, uuid7_of, uuid7_opening
from turnpike.ports.clock import Clock
from turnpike.ports.randomness import Randomness

STOCK_BYTES: Final = 3800
"""Asked of the system at once, since a system call per id would be a fiftieth of a call's cost."""


class CallIds:
    """Makes one id after the other."""

    __slots__ = ("_at", "_now_ms", "_now_ns", "_opening", "_randomness", "_stock")

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._now_ns = clock.now_ns
        self._now_ms = -1
        self._opening = ""
        self._randomness = randomness
        self._stock = ""
        self._at = 0

    def next(self) -> CallId:
        """A fresh id."""
        at = self._at
        if at >= len(self._stock):
            self._stock = self._randomness.take(STOCK_BYTES).hex()
            at = 0
        self._at = at + CHANCE_DIGITS
        now_ms = self._now_ns() // 1_000_000
        if now_ms != self._now_ms:
            self._now_ms, self._opening = now_ms, uuid7_opening(now_ms)
        return CallId(uuid7_of(self._opening, self._stock[at : at + CHANCE_DIGITS]))
