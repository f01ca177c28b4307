"""Server-sent events as the two providers write them.

Written apart from the gateway's own dialects, so that one mistake cannot stand on both sides.
"""

from __future__ import annotations

from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder()

DONE = b"data: [DONE]\n\n"


def data_event(value: Any) -> bytes:
    """An event without a name."""
    return b"data: " + _ENCODER.encode(value) + b"\n\n"


def named_event(value: dict[str, Any]) -> bytes:
    """An event named by its own `type`."""
    name: str = value["type"]
    return b"event: " + name.encode() + b"\ndata: " + _ENCODER.encode(value) + b"\n\n"


def padded_event(value: dict[str, Any], number: int) -> bytes:
    """A named event with blanks before its last brace, as Anthropic pads its events."""
    name: str = value["type"]
    data = _ENCODER.encode(value)[:-1] + b" " * (number * 7 % 16) + b"}"
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"
