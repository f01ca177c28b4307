"""The machine's clock."""

from __future__ import annotations

import time


class SystemClock:
    """A Clock that reads the operating system's."""

    def now_ns(self) -> int:
        return time.time_ns()

    def monotonic_ns(self) -> int:
        return time.monotonic_ns()
