"""Names of things: ids that sort by time, and the types that keep them apart."""

from __future__ import annotations

from typing import Final, NewType

CallId = NewType("CallId", str)
"""A UUIDv7 in its 36-character form."""

CHANCE_DIGITS: Final = 18
"""Hexadecimal digits of chance in an id: 72 bits, two fewer than there might be, so that the variant is always `8`."""

CHANCE_BYTES: Final = CHANCE_DIGITS // 2

COUNTED_DIGITS: Final = 3
"""The first of them, where ids of one moment are counted rather than left to chance (RFC 9562, 6.2, method 1)."""


def uuid7(now_ns: int, chance: str) -> str:
    """A UUIDv7 of the moment `now_ns` and `CHANCE_DIGITS` hexadecimal digits (RFC 9562, 5.7)."""
    opening, ending = uuid7_frame(now_ns // 1_000_000, chance[COUNTED_DIGITS:])
    return opening + chance[:COUNTED_DIGITS] + ending


def uuid7_frame(now_ms: int, chance: str) -> tuple[str, str]:
    """What ids of one millisecond begin and end with, around `COUNTED_DIGITS`; 15 digits of chance go into it."""
    time = f"{now_ms:012x}"
    return f"{time[:8]}-{time[8:]}-7", f"-8{chance[:3]}-{chance[3:15]}"
