"""Ids of calls: sorted by time, unique over all workers."""

from __future__ import annotations

from typing import Final

from turnpike.domain.ids import CHANCE_DIGITS, CallId, uuid7
from turnpike.ports.clock import Clock
from turnpike.ports.randomness import Randomness

STOCK_BYTES: Final = 3800
"""Asked of the system at once, since a system call per id would be a fiftieth of a call's cost."""


class CallIds:
    """Makes one id after the other."""

    __slots__ = ("_at", "_clock", "_randomness", "_stock")

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._clock = clock
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
        return CallId(uuid7(self._clock.now_ns(), self._stock[at : at + CHANCE_DIGITS]))
