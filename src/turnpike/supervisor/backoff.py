"""How long to wait before a role that died is started again."""

from __future__ import annotations

FIRST_DELAY_SECONDS = 0.1
DELAY_MAX_SECONDS = 10.0
WELL_AFTER_SECONDS = 10.0
"""A role that ran for so long was well: its next death is counted as its first."""


def next_delay(last_delay_seconds: float | None, ran_seconds: float) -> float:
    """Seconds to wait now, from the wait before (None: there was none) and how long the role ran."""
    if last_delay_seconds is None or ran_seconds >= WELL_AFTER_SECONDS:
        return FIRST_DELAY_SECONDS
    return min(last_delay_seconds * 2, DELAY_MAX_SECONDS)
