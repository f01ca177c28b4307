"""Status lines, rendered once."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

NO_CONTENT: Final = 204
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


def status_line(status: int) -> bytes:
    """The line that opens an answer; a code without a registered phrase goes without one."""
    return _LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
