"""The form of a line: an id, and what is remembered of it, as JSON.

The id comes first, so that a line is recognised by its start.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

import msgspec

from turnpike.gateway.kept.response import KeptResponse

LINE_BYTES_MAX: Final = 4096

_START: Final = re.compile(rb'^\["(?:[^"\\\n]|\\.)*",', re.MULTILINE)
"""A line up to the end of the id, which JSON writes in one way only."""


class _Line(msgspec.Struct, frozen=True, array_like=True):
    name: str
    kept: KeptResponse


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Line)


def lines_of(ids: Collection[str], kept: KeptResponse) -> dict[str, bytes]:
    """The line of each id, without its line break; an id that no line can hold has none."""
    end = _encoder.encode(kept) + b"]"
    room_bytes = LINE_BYTES_MAX - len(end)
    starts = {name: start_of(name) for name in ids}
    return {name: start + end for name, start in starts.items() if start and len(start) < room_bytes}


def start_of(name: str) -> bytes | None:
    """What an id's line begins with; None where no line can hold it."""
    if len(name) >= LINE_BYTES_MAX:
        return None
    try:
        start = b"[" + _encoder.encode(name) + b","
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    return start if len(start) < LINE_BYTES_MAX else None


def starts_in(data: bytes, end: int) -> list[bytes]:
    """What the lines before `end` begin with."""
    return _START.findall(data, 0, end)


def key_of(line: bytes) -> int:
    """Equal for a line and its start; whoever finds a place by it reads there whether it is right."""
    match = _START.match(line)
    return hash(match[0] if match else line)


def lines_from(path: Path, offset: int) -> Iterator[tuple[int, bytes]]:
    """Whole lines from an offset on, each with its own offset; an end without a line break is left.

    What no worker noted (a power cut may leave a run of zeros) comes in pieces of a line's limit. Raises OSError.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            while line := file.readline(LINE_BYTES_MAX):
                if not line.endswith(b"\n") and len(line) < LINE_BYTES_MAX:
                    return
                yield offset, line
                offset += len(line)
    except FileNotFoundError:
        return  # too old, and deleted by another worker


def read_at(place: tuple[Path, int], name: str) -> KeptResponse | None:
    """What the line at a file's offset says of the id; None where it is torn or speaks of another. Raises OSError."""
    path, offset = place
    for _, line in lines_from(path, offset):
        return _understand(line, name)
    return None


def _understand(line: bytes, name: str) -> KeptResponse | None:
    try:
        read = _decoder.decode(line)
    except msgspec.DecodeError:
        return None
    return read.kept if read.name == name else None
