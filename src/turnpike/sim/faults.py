"""Which calls a wished fault meets: all, a share of them, or the first few of a case."""

from __future__ import annotations

from collections import OrderedDict

from turnpike.sim.seeded import source_of
from turnpike.sim.steering import Steering, without_faults

MOST_CASES = 10_000


class FaultCounter:
    """Counts calls, so that a fault can end by itself; the same order of calls, the same faults."""

    def __init__(self, seed: str) -> None:
        self._source = source_of(seed, b"faults")
        self._calls = 0
        self._cases: OrderedDict[str, int] = OrderedDict()

    def applied(self, steering: Steering) -> Steering:
        """The wishes for this call: without their error and faults where it is to be spared."""
        if steering.fault_share is None and steering.fault_times is None:
            return steering
        self._calls += 1
        share, times = steering.fault_share, steering.fault_times
        spared = share is not None and self._source.unit(str(self._calls)) >= share
        if times is not None and not spared:
            met = self._cases.pop(steering.case, 0) + 1
            self._cases[steering.case] = met
            spared = met > times
            if len(self._cases) > MOST_CASES:
                self._cases.popitem(last=False)
        return without_faults(steering) if spared else steering
