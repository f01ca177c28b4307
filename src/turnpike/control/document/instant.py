"""Moments as documents write them: RFC 3339."""

from __future__ import annotations

import calendar
import re
from datetime import date

from turnpike.ports.clock import SECOND_NS

_FORM = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII
)
_LAST_YEAR = 2200
"""Nanoseconds of later years are too near the bounds of 64 bits."""


def instant_ns(text: str) -> int:
    """Nanoseconds since 1970-01-01 UTC. Raises ValueError, saying what is wrong, for no RFC 3339 moment."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(
            "a moment must stand here, as 2027-01-31T18:00:00Z (RFC 3339, with its offset from UTC)"
        )
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    if not 1970 <= year <= _LAST_YEAR:
        raise ValueError(f"years from 1970 to {_LAST_YEAR} are allowed")
    try:
        date(year, month, day)
    except ValueError as wrong:
        raise ValueError("the calendar has no such day") from wrong
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("the clock has no such time")
    seconds = calendar.timegm((year, month, day, hour, minute, second)) - _offset_seconds(found)
    return seconds * SECOND_NS + int((found.group(7) or "0").ljust(9, "0"))


def _offset_seconds(found: re.Match[str]) -> int:
    if found.group(8) is None:
        return 0
    hours, minutes = int(found.group(9)), int(found.group(10))
    if hours > 23 or minutes > 59:
        raise ValueError("the offset from UTC has no such time")
    return (hours * 3600 + minutes * 60) * (-1 if found.group(8) == "-" else 1)
