"""Names of things: ids that sort by time, and the types that keep them apart."""

from __future__ import annotations

from typing import NewType

CallId = NewType("CallId", str)
"""A UUIDv7 in its 36-character form."""


def uuid7(now_ns: int, random10: bytes) -> str:
    """A UUIDv7 of the moment `now_ns` and ten random bytes (RFC 9562, 5.7)."""
    milliseconds = now_ns // 1_000_000
    tail = int.from_bytes(random10, "big") & 0x0FFF_3FFF_FFFF_FFFF_FFFF
    text = f"{(milliseconds << 80) | 0x7000_8000_0000_0000_0000 | tail:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
