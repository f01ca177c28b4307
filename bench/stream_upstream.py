"""A fake upstream for streams: uvloop protocols that write raw, prepared bytes."""

import asyncio
from collections.abc import Callable
from typing import cast

from bench.wire import STREAM_HEAD, STREAM_TAG, STREAM_TAG_DIGITS, reply_body, stamped_event, stream_end

_TAG = STREAM_TAG.encode()
_BLANK_LINE = b"\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"

REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(reply_body()),
    reply_body(),
)


class UpstreamConnection(asyncio.Protocol):
    """One connection from a gateway: hands each stream that is asked for to `on_stream`."""

    def __init__(self, on_stream: Callable[["UpstreamConnection", int], None]) -> None:
        self._on_stream = on_stream
        self._received = b""
        self._transport: asyncio.Transport | None = None
        self.writable = True
        self.on_writable: Callable[[], None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether bytes can still be written."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not is_whole(self._received):
            return
        request, self._received = self._received, b""
        index = stream_index(request)
        if index is None:
            self.write(REPLY)
        else:
            self._on_stream(self, index)

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        if self.on_writable is not None:
            self.on_writable()

    def write(self, data: bytes) -> None:
        """Writes now, or nothing where the connection has gone."""
        if self._transport is not None:
            self._transport.write(data)

    def write_first_event(self, stamp_ns: int) -> None:
        """The head of the answer and its first event in one write."""
        self.write(STREAM_HEAD + stamped_event(stamp_ns))

    def write_end(self) -> None:
        """All that is left of the stream; the connection stays open for the next request."""
        self.on_writable = None
        self.write(stream_end())


def is_whole(request: bytes) -> bool:
    """Whether head and body of one request have come in, by either framing."""
    head, blank, body = request.partition(_BLANK_LINE)
    if not blank:
        return False
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    if at >= 0:
        return len(body) >= int(lowered[at + 15 :].split(b"\r\n", 1)[0])
    return b"transfer-encoding:" not in lowered or body.endswith(_LAST_CHUNK)


def stream_index(request: bytes) -> int | None:
    """The index in the prompt of a streaming request, None for a request of another kind."""
    at = request.find(_TAG)
    if at < 0:
        return None
    return int(request[at + len(_TAG) : at + len(_TAG) + STREAM_TAG_DIGITS])
