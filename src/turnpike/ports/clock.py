"""Time as the planes see it: set by tests, never read behind their back."""

from __future__ import annotations

from typing import Final, Protocol

SECOND_NS: Final = 1_000_000_000
"""A second in nanoseconds."""


class Clock(Protocol):
    """Wall time and a time that only goes forward, both integer nanoseconds."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970-01-01 UTC; may step when the machine's clock is set."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since an arbitrary moment; never goes back."""
