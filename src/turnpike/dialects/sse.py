"""Server-sent events: cut out of a byte stream whole, and left as they are.

Source: the HTML standard, 9.2 (server-sent events). Lines end in LF, CRLF or CR; an event ends at
a blank line; lines that begin with a colon are comments. A CR that has come last ends its line at once, as the
standard has it: an LF that comes next belongs to it.
"""

from __future__ import annotations

import re
from typing import Final

from turnpike.domain.errors import UpstreamInvalid

EVENT_MAX_BYTES: Final = 33_554_432
"""One event, held back until it is whole."""

_BLANK_LINE: Final = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}")
_TAIL_BYTES: Final = 3
"""What may have come of a blank line that is not whole: it has up to four bytes."""

HALF_CRLF: Final = b"\n"
"""What is given after an event that ended in CR, where that CR was one of a CRLF: it says nothing, and is passed on."""

_DATA_LINE: Final = re.compile(rb"(?:\A|[\r\n])data:[ ]?([^\r\n]*)")

DATA_LINES_MAX: Final = 100_000
"""Of one event; each costs time, however short it is."""


class EventSplitter:
    """Cuts a stream into events, in pieces of any size; each keeps its bytes, blank line and all.

    Where an event was given up to its last CR, and an LF comes next, that is given by itself: `HALF_CRLF`.
    gave_cr: the last byte that came was such a CR.
    """

    __slots__ = ("_rest", "_rest_bytes", "_tail", "gave_cr")

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._tail = b""
        self.gave_cr = False

    def split(self, data: bytes) -> list[bytes]:
        """The events that `data` completes. Raises UpstreamInvalid where one grows too large."""
        if self.gave_cr and data:
            return self._split_after_cr(data)
        # A long event that comes line by line would else be read anew with each of them.
        end = self._tail + data if self._tail else data
        if b"\n\n" not in end and (b"\r" not in end or _BLANK_LINE.search(end) is None):
            self._keep(data)
            return []
        if self._rest:
            data = self.rest() + data
        if b"\r" in data:
            return self._split_any(data)
        pieces = data.split(b"\n\n")
        self._keep(pieces.pop())
        return [piece + b"\n\n" for piece in pieces]

    def rest(self) -> bytes:
        """What has come of an event that is not whole; afterwards there is none."""
        rest = b"".join(self._rest)
        self._rest = []
        self._rest_bytes = 0
        self._tail = b""
        return rest

    def _split_after_cr(self, data: bytes) -> list[bytes]:
        self.gave_cr = False
        if not data.startswith(HALF_CRLF):
            return self.split(data)
        return [HALF_CRLF, *self.split(data[1:])]

    def _split_any(self, data: bytes) -> list[bytes]:
        events, start = [], 0
        for blank in _BLANK_LINE.finditer(data):
            events.append(data[start : blank.end()])
            start = blank.end()
        self.gave_cr = start == len(data) and data.endswith(b"\r")
        self._keep(data[start:])
        return events

    def _keep(self, rest: bytes) -> None:
        if not rest:
            return
        self._rest.append(rest)
        self._rest_bytes += len(rest)
        self._tail = (self._tail + rest[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        if self._rest_bytes > EVENT_MAX_BYTES:
            raise UpstreamInvalid(f"An event of the stream is over {EVENT_MAX_BYTES} bytes.")


def event_data(event: bytes) -> bytes:
    """What the `data` lines of a whole event hold, joined by LF; b"" where it has none.

    Raises UpstreamInvalid where there are too many of them.
    """
    if event.startswith(b"data: ") and event.find(b"\n", 6) == len(event) - 2 and b"\r" not in event:
        return event[6:-2]
    if event.count(b"data:") > DATA_LINES_MAX:
        raise UpstreamInvalid(f"An event of the stream has more than {DATA_LINES_MAX} lines of data.")
    return b"\n".join(_DATA_LINE.findall(event))
