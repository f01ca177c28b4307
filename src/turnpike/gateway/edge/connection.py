"""One caller's connection: requests to the application one by one, its replies out in order."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET
from typing import Final, cast

from turnpike.domain.errors import Overloaded, RequestTimeout
from turnpike.gateway.deadlines import NEVER
from turnpike.gateway.edge.house import Guest, House
from turnpike.gateway.edge.limits import (
    FEED_BYTES,
    TURNED_AWAY_AT_ONCE,
    WRITE_HIGH_BYTES,
    WRITE_LOW_BYTES,
)
from turnpike.gateway.edge.reader import Incoming, Refusal, RequestReader
from turnpike.gateway.edge.status import CONTINUE, NO_CONTENT, status_line

RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: closing resets the connection and throws away what has not left."""


class Connection(Guest, asyncio.Protocol):
    """Speaks HTTP/1.1 with one caller; is itself the `Reply` to the request in hand."""

    __slots__ = (
        "_arrival_limited",
        "_drained",
        "_handled",
        "_house",
        "_in_call",
        "_is_head",
        "_keep_alive",
        "_leaving",
        "_next",
        "_queue",
        "_reader",
        "_reading_paused",
        "_reads_chunks",
        "_task",
        "_transport",
        "_unread",
        "_write_paused",
        "begun",
        "ended",
    )

    def __init__(self, house: House) -> None:
        super().__init__()
        self._house = house
        self._reader = RequestReader(self, house.limits, house.clock)
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._queue: deque[Incoming | Refusal] = deque()
        self._next: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._handled = 0
        self._arrival_limited = ""
        self._unread = b""
        self._in_call = self._leaving = self._reading_paused = self._write_paused = False
        self._keep_alive = self._reads_chunks = True
        self._is_head = False
        self.begun = self.ended = False

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request, or turn the caller away where there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(WRITE_HIGH_BYTES, WRITE_LOW_BYTES)
        peer = transport.get_extra_info("peername")
        self._reader.peer = peer[0] if isinstance(peer, tuple) else ""
        self._house.opened(self)
        self._wait_for_more()
        self._task = self._house.spawn(self._serve())
        if self._house.overcrowding > TURNED_AWAY_AT_ONCE:
            self._transport.abort()
        elif self._house.overcrowding > 0:
            self._reader.refuse(Overloaded("The gateway takes no further connection; try again."))

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone: whatever runs for it is cancelled at once."""
        self._transport = None
        self._house.closed(self)
        self._reader.close()
        self._drop_queue()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        # The task's end holds its frames, and they hold this connection: let go of it here.
        task, self._task = self._task, None
        if task is not None:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        """Read on; a request that is not whole after this is held to its limits of time."""
        reader = self._reader
        if len(data) <= FEED_BYTES:
            reader.feed(data)
        else:
            self._feed_in_slices(data)
        if reader.in_body or reader.in_head:
            self._limit_arrival()

    def eof_received(self) -> bool:
        """A caller that will send no more is taken to have gone; what is written may still flush."""
        if self._task is not None:
            self._task.cancel()
        self._hang_up()
        return False

    def pause_writing(self) -> None:
        """The caller reads slower than the answer comes."""
        self._write_paused = True
        self._expire_after(self._house.limits.stall_seconds)

    def resume_writing(self) -> None:
        """The caller has caught up."""
        self._write_paused = False
        if self._leaving:
            return
        self.deadline = NEVER
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        elif not (self._in_call or self._queue):
            self._wait_for_more()

    def expire(self) -> None:
        """A limit of time has passed: of lingering, a slow reader or sender, or idleness."""
        if self._transport is None:
            return
        if self._leaving or self._write_paused:
            self._transport.abort()
        elif self._arrival_limited:
            self._reader.refuse(RequestTimeout("The request did not arrive whole in time."))
        elif not self._in_call:
            self._hang_up()

    # The reader's side: Sink

    def arrived(self, incoming: Incoming) -> None:
        """A request is whole: wake the task, or line it up behind the one in hand."""
        self.deadline = NEVER
        self._arrival_limited = ""
        self._queue.append(incoming)
        if len(self._queue) >= self._house.limits.pipelined_requests:
            self._pause_reading()
        self._wake()

    def refused(self, refusal: Refusal) -> None:
        """No more requests: say why after the answers to those before it."""
        self._queue.append(refusal)
        self._wake()

    def expects_to_go_on(self) -> None:
        """Invite the body, once no answer to a request before it is to go out first."""
        if self._transport is not None and not (self._in_call or self._queue):
            self._transport.write(CONTINUE)

    def hold(self, count: int) -> bool:
        """Count a body's bytes against what the worker may hold."""
        self._house.buffered_bytes += count
        return self._house.buffered_bytes <= self._house.limits.buffered_bytes

    def release(self, count: int) -> None:
        """Count them no more."""
        self._house.buffered_bytes -= count

    # The application's side: Reply

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
        if self._transport is not None:
            # Without this the close would be an orderly one, which to HTTP/1.0 says that the answer is whole.
            with suppress(OSError):
                self._transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, RESET_ON_CLOSE)
            self._transport.abort()

    # The task: one request after the other

    async def _serve(self) -> None:
        while self._transport is not None:
            while not self._queue:
                self._next = self._house.future()
                await self._next
            item = self._queue.popleft()
            if isinstance(item, Refusal):
                self._answer_refusal(item)
                return
            await self._answer(item)
            if self._write_paused:  # A caller that reads no answer gets no further one.
                await self.drained()
            if not self._go_on():
                return

    async def _answer(self, incoming: Incoming) -> None:
        request = incoming.request
        self._in_call = True
        self._handled += 1
        self._keep_alive = incoming.keep_alive
        self._reads_chunks = incoming.reads_chunks
        self._is_head = request.method == "HEAD"
        self.begun = self.ended = False
        try:
            await self._house.answer(request, self)
        finally:
            self._in_call = False
            self._house.buffered_bytes -= len(request.body)

    def _go_on(self) -> bool:
        """After an answer: whether the connection serves another request."""
        if self._transport is None:
            return False
        if not self.ended:
            self.abort()
            return False
        if not self._stays_open():
            if self._keep_alive:  # A caller that would stay may be sending: a reset could cost it our answer.
                self._linger()
            else:
                self._hang_up()
            return False
        if not self._queue:
            self._resume_reading()
            if not self._queue:
                self._wait_for_more()
        return True

    def _stays_open(self) -> bool:
        return (
            self._keep_alive
            and not self._house.draining
            and self._handled < self._house.limits.requests_per_connection
        )

    def _connection_line(self) -> bytes:
        if not self._stays_open():
            return b"connection: close\r\n"
        return b"" if self._reads_chunks else b"connection: keep-alive\r\n"

    def _answer_refusal(self, refusal: Refusal) -> None:
        """Say why and hang up."""
        self.begun = self.ended = False
        self._keep_alive = self._is_head = False
        self.whole(*self._house.render_refusal(refusal))
        self._linger()

    def _linger(self) -> None:
        """Send no more, but read on a little: closing at once would reset what the caller has yet to read."""
        if self._transport is None:
            return
        self._leaving = True
        self._reader.close()
        self._drop_queue()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._resume_reading()
        self._expire_after(self._house.limits.linger_seconds)

    def _hang_up(self) -> None:
        """Close once all is sent, which a caller that does not read may not put off for ever."""
        if self._transport is None:
            return
        if not self._leaving:
            self._leaving = True
            self._expire_after(self._house.limits.stall_seconds)
        self._transport.close()

    def _drop_queue(self) -> None:
        """Let go of the requests that will not be answered."""
        for item in self._queue:
            if isinstance(item, Incoming):
                self.release(len(item.request.body))
        self._queue.clear()
        self._unread = b""

    # Limits of time, and the pace of reading

    def _limit_arrival(self) -> None:
        """Hold a request that is coming in to its limit, which further bytes do not extend."""
        if self._in_call or self._queue:
            self._pause_reading()
            return
        part = "body" if self._reader.in_body else "head"
        if self._arrival_limited != part:
            self._arrival_limited = part
            limits = self._house.limits
            self._expire_after(limits.body_seconds if part == "body" else limits.head_seconds)

    def _wait_for_more(self) -> None:
        """Nothing is in hand: the rest of a request that has begun is awaited, or the next one."""
        reader = self._reader
        if reader.in_body or reader.in_head:
            if reader.waits_to_go_on:
                self.expects_to_go_on()
            self._limit_arrival()
        else:
            self._expire_after(self._house.limits.idle_seconds)

    def _expire_after(self, seconds: float) -> None:
        self._house.deadlines.limit(self, self._house.now() + seconds)

    def _wake(self) -> None:
        if self._next is not None and not self._next.done():
            self._next.set_result(None)

    def _pause_reading(self) -> None:
        if not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()
            if self._unread:
                data, self._unread = self._unread, b""
                self._feed_in_slices(data)

    def _feed_in_slices(self, data: bytes) -> None:
        """Read on until as many requests wait as may; the rest stays unread until they are answered."""
        most = self._house.limits.pipelined_requests
        for start in range(0, len(data), FEED_BYTES):
            if len(self._queue) >= most:
                self._unread = data[start:]
                return
            self._reader.feed(data[start : start + FEED_BYTES])

    def close_if_idle(self) -> None:
        """For a server that stops: hang up unless a request is in hand."""
        reader = self._reader
        if not (self._in_call or self._queue or reader.in_head or reader.in_body or self._leaving):
            self._hang_up()
