"""The machine's clock."""

from __future__ import annotations

import time


class SystemClock:
    """A Clock that is the operating system's: a call reads it five times, so nothing stands between."""

    now_ns = staticmethod(time.time_ns)
    monotonic_ns = staticmethod(time.monotonic_ns)
