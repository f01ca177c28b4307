"""A time of day that nobody sets: for how long something is kept."""

from __future__ import annotations

from turnpike.ports.clock import Clock


class SteadyClock:
    """The time of day when this was made, and what has passed since.

    A machine's clock that is set a day forward would end at once what is to be kept for a day.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_ns = clock.now_ns() - clock.monotonic_ns()

    def now_ns(self) -> int:
        """Nanoseconds since 1970, as far as the clock was right in the beginning."""
        return self._ahead_ns + self._clock.monotonic_ns()

    def monotonic_ns(self) -> int:
        """As the clock's own."""
        return self._clock.monotonic_ns()
