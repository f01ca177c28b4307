"""What a server of HTTP hands to an application, and what it takes back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec


class Request(msgspec.Struct, frozen=True, gc=False):
    """One request, whole and within every limit of the edge.

    `path` is the target's path, not decoded; `query` is what follows its `?` (without it).
    `headers` holds lower-case names; a header that came more than once is joined by ", "
    (RFC 9110, 5.3). `body` is unpacked and unchunked. `peer` is the caller's IP address.
    """

    method: str
    path: str
    query: bytes
    headers: dict[bytes, bytes]
    body: bytes
    peer: str
    received_ns: int


class Reply(Protocol):
    """How an application answers one request: `whole`, or `begin`, `write`…, `end`.

    `head` is rendered header lines, each ended by CRLF, without the framing (length,
    transfer-encoding, connection, date), which is the server's business.
    """

    __slots__ = ()

    @property
    def begun(self) -> bool:
        """Whether the status line has gone out, so that no other answer is possible."""

    def whole(self, status: int, head: bytes, body: bytes) -> None:
        """Answer with a body that is complete."""

    def begin(self, status: int, head: bytes) -> None:
        """Open an answer whose length is not known."""

    def write(self, data: bytes) -> None:
        """Send a piece of the answer; never blocks, see `drained`."""

    @property
    def congested(self) -> bool:
        """Whether the caller reads slower than we write: await `drained` before the next piece."""

    async def drained(self) -> None:
        """Return once the caller has read enough for more to be written."""

    def end(self) -> None:
        """Close the answer in good order."""

    def abort(self) -> None:
        """Reset the connection: nobody can take what was sent for a whole answer."""


OUT_OF_TIME: Final = "the server stops, and its time for answers is over"
"""The message with which a server that stops cancels its application."""

Application = Callable[[Request, Reply], Awaitable[None]]
"""Answers one request. It is cancelled when the caller goes away, and, with `OUT_OF_TIME`, when the
server cannot wait for it any longer: then it may still say so to the caller before it ends."""


def render_head(headers: list[tuple[str, str]]) -> bytes:
    """Header lines as `Reply` takes them; a value that could break the framing is refused.

    Raises ValueError on a CR, LF or NUL inside a name or value.
    """
    lines = []
    for name, value in headers:
        if any(c in name or c in value for c in "\r\n\0"):
            raise ValueError(f"header {name!r} holds a line break or NUL")
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines).encode("latin-1")
