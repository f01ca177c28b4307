"""One caller's connection as the `Reply` to the request in hand: answers in HTTP/1.1's framing."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET
from typing import Final

from turnpike.gateway.edge.house import Guest, House
from turnpike.gateway.edge.status import NO_CONTENT, status_line

RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing resets the connection and throws away what has not left."""


class Replying(Guest):
    """Writes answers, one at a time, in the framing that their caller reads."""

    __slots__ = (
        "_drained",
        "_handled",
        "_house",
        "_is_head",
        "_keep_alive",
        "_reads_chunks",
        "_stays",
        "_transport",
        "_write_paused",
        "begun",
        "ended",
    )

    def __init__(self, house: House) -> None:
        super().__init__()
        self._house = house
        self._transport: asyncio.Transport | None = None
        self._drained: asyncio.Future[None] | None = None
        self._handled = 0
        self._keep_alive = self._reads_chunks = self._stays = True
        self._is_head = self._write_paused = False
        self.begun = self.ended = False

    @property
    def congested(self) -> bool:
        """Whether what was written waits for the caller to read."""
        return self._write_paused

    def whole(self, status: int, head: bytes, body: bytes) -> None:
        """Answer at once."""
        if self._transport is None or self.begun:
            return
        self.begun = self.ended = True
        if status == NO_CONTENT:  # Its answer has no length either (RFC 9110, 8.6).
            opening = (status_line(status), self._house.date, self._connection_line(), head)
            self._transport.write(b"%bdate: %b\r\n%b%b\r\n" % opening)
            return
        self._transport.write(
            b"%bdate: %b\r\ncontent-length: %d\r\n%b%b\r\n%b"
            % (
                status_line(status),
                self._house.date,
                len(body),
                self._connection_line(),
                head,
                b"" if self._is_head else body,
            )
        )

    def begin(self, status: int, head: bytes) -> None:
        """Open an answer in pieces: chunked, or to the connection's end for HTTP/1.0."""
        if self._transport is None or self.begun:
            return
        self.begun = True
        framing = b"transfer-encoding: chunked\r\n" if self._reads_chunks else b""
        self._keep_alive = self._keep_alive and self._reads_chunks
        self._transport.write(
            b"%bdate: %b\r\n%b%b%b\r\n"
            % (status_line(status), self._house.date, framing, self._connection_line(), head)
        )

    def write(self, data: bytes) -> None:
        """Send a piece."""
        if self._transport is None or self.ended or self._is_head or not data:
            return
        if self._reads_chunks:
            self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        else:
            self._transport.write(data)

    async def drained(self) -> None:
        """Wait for a slow caller; returns at once when it is gone."""
        while self._write_paused and self._transport is not None:
            self._drained = self._house.future()
            await self._drained
        self._drained = None

    def end(self) -> None:
        """Close a piecewise answer in good order."""
        if self._transport is None or self.ended:
            return
        self.ended = True
        if self._reads_chunks and not self._is_head:
            self._transport.write(b"0\r\n\r\n")

    def abort(self) -> None:
        """Reset the connection."""
        self.ended = True
        if self._transport is None:
            return
        sock = self._transport.get_extra_info("socket")
        if sock is not None:  # TLS lets go of it before the connection is told that it is lost.
            # Without this the close would be an orderly one, which to HTTP/1.0 says that the answer is whole.
            with suppress(OSError):
                sock.setsockopt(SOL_SOCKET, SO_LINGER, RESET_ON_CLOSE)
        self._transport.abort()

    def _connection_line(self) -> bytes:
        """What the answer says of the connection's future, decided here."""
        house = self._house
        self._stays = (
            self._keep_alive and not house.draining and self._handled < house.limits.requests_per_connection
        )
        if not self._stays:
            return b"connection: close\r\n"
        return b"" if self._reads_chunks else b"connection: keep-alive\r\n"
