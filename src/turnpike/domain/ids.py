"""Names of things: ids that sort by time, and the types that keep them apart."""

from __future__ import annotations

from typing import Final, NewType

CallId = NewType("CallId", str)
"""A UUIDv7 in its 36-character form."""

CHANCE_DIGITS: Final = 19
"""Hexadecimal digits of chance that an id takes: 74 bits of them, and two that go unused."""

_VARIANT: Final = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def uuid7(now_ns: int, chance: str) -> str:
    """A UUIDv7 of the moment `now_ns` and `CHANCE_DIGITS` hexadecimal digits (RFC 9562, 5.7)."""
    return uuid7_of(uuid7_opening(now_ns // 1_000_000), chance)


def uuid7_opening(now_ms: int) -> str:
    """What all ids of one millisecond begin with."""
    time = f"{now_ms:012x}"
    return f"{time[:8]}-{time[8:]}-7"


def uuid7_of(opening: str, chance: str) -> str:
    """The id that begins so."""
    return f"{opening}{chance[:3]}-{_VARIANT[chance[3]]}{chance[4:7]}-{chance[7:19]}"
