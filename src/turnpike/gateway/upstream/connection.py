"""One connection to a provider: a request out, an answer in, one at a time."""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import sys
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol, cast

import httptools

from turnpike.domain.errors import (
    TurnpikeError,
    UpstreamFailed,
    UpstreamInterrupted,
    UpstreamInvalid,
    UpstreamTimeout,
)
from turnpike.gateway.deadlines import NEVER, Deadlines, Limited
from turnpike.ports.upstream import Patience, Unreached

HEAD_MAX_BYTES: Final = 262_144
"""What an answer may have besides its body: head, trailer, and what its chunks weigh too much."""

CHUNK_LINE_BYTES: Final = 64
"""What goes with each piece of a body without being counted: a chunk's size and its line ends."""

PENDING_HIGH_BYTES: Final = 262_144
"""Unread answer bytes above which reading from the provider pauses."""

JOINED_BODY_BYTES: Final = 65_536
"""Up to here a copy costs less than a second system call."""

CLOSED: Final = "it closed the connection"

FRESH_SECONDS: Final = 0.05

GONE: Final = select.POLLHUP | select.POLLRDHUP


_NO_PARSER: Final = httptools.HttpResponseParser(None)
"""Stands in for the own one of a connection that is not open, so that the two do not hold each other in memory."""


class Owner(Protocol):
    """The pool that a connection belongs to."""

    deadlines: Deadlines
    now: Callable[[], float]
    future: Callable[[], asyncio.Future[None]]

    def give_back(self, connection: UpstreamConnection) -> None:
        """It is free again."""

    def lost(self, connection: UpstreamConnection) -> None:
        """It is no more."""


class UpstreamConnection(Limited, asyncio.Protocol):
    """A connection of a pool; while it carries a call it is that call's `Answer`."""

    __slots__ = (
        "_complete",
        "_copy",
        "_descriptor",
        "_error",
        "_head_bytes",
        "_headers_complete",
        "_idle_seconds",
        "_parser",
        "_paused",
        "_pending",
        "_pending_bytes",
        "_poll",
        "_pool",
        "_reusable",
        "_sent_bytes",
        "_total_at",
        "_transport",
        "_waiter",
        "busy",
        "headers",
        "idle_since",
        "status",
    )

    def __init__(self, pool: Owner) -> None:
        super().__init__()
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._parser = _NO_PARSER
        self._poll: select.poll | None = None
        self._descriptor: int | None = None
        self._copy: int | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._pending: list[bytes] = []
        self._pending_bytes = self._head_bytes = self._sent_bytes = 0
        self._complete = self._headers_complete = self._paused = self._reusable = False
        self._error: TurnpikeError | Unreached | None = None
        self._idle_seconds = self._total_at = NEVER
        self.busy = False
        self.idle_since = 0.0
        self.status = 0
        self.headers: dict[bytes, bytes] = {}

    # The call's side: Answer

    def send(self, head: bytes, body: bytes, patience: Patience) -> None:
        """Send a request; `has_head` says when the answer's head is there.

        Raises Unreached where the connection is closed.
        """
        self.busy = True
        self._complete = self._headers_complete = self._reusable = False
        self._error = None
        self._head_bytes = self._sent_bytes = self.status = 0
        self.headers = {}
        self._idle_seconds = patience.idle_seconds
        self._total_at = patience.total_at
        transport, pool = self._transport, self._pool
        if transport is None:
            raise Unreached("The provider closed the connection.", told=CLOSED)
        body_bytes = len(body)
        self._sent_bytes = len(head) + body_bytes
        if body_bytes <= JOINED_BODY_BYTES:
            transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (head, body_bytes, body))
        else:
            transport.writelines((b"%bcontent-length: %d\r\n\r\n" % (head, body_bytes), body))
        first_byte_at, first_content_at = pool.now() + patience.first_byte_seconds, patience.first_content_at
        pool.deadlines.limit(self, first_byte_at if first_byte_at < first_content_at else first_content_at)

    @property
    def has_head(self) -> bool:
        """Whether the answer's head is there. Raises the error that came instead."""
        if self._error is not None and not self._headers_complete:
            raise self._error
        return self._headers_complete

    @property
    def arrived(self) -> bytes | None:
        """The whole body where it has come in one piece, which can be no large one."""
        return self._pending[0] if self._complete and len(self._pending) == 1 else None

    async def whole(self, limit_bytes: int) -> bytes:
        """The whole body."""
        while not self._complete:
            if self._error is not None:
                raise self._error
            if self._pending_bytes > limit_bytes:
                raise UpstreamInvalid(f"The provider's answer is over {limit_bytes} bytes.")
            self._resume()
            await self.more()
        pending = self._pending
        body = pending[0] if len(pending) == 1 else b"".join(pending)
        self._pending = []
        self._pending_bytes = 0
        return body

    async def piece(self) -> bytes:
        """What has come since the last piece; b"" at the end."""
        while not self._pending:
            if self._complete:
                return b""
            if self._error is not None:
                raise self._error
            await self.more()
        pending = self._pending
        piece = pending[0] if len(pending) == 1 else b"".join(pending)
        self._pending = []
        self._pending_bytes = 0
        if self._paused:
            self._resume()
        return piece

    def expire_by(self, at: float) -> None:
        """A new limit for the answer as a whole."""
        if at != self._total_at:
            self._total_at = at
            now = self._pool.now()
            self._pool.deadlines.limit(self, min(now + self._idle_seconds, at))

    def expire_in(self, seconds: float) -> None:
        """The same, from now."""
        self.expire_by(self._pool.now() + seconds)

    def leave(self) -> None:
        """Back to the pool if the answer was whole, else cut: that ends the work upstream too."""
        if not self.busy:
            return
        self.busy = False
        self.deadline = NEVER
        self._pending = []
        self._pending_bytes = 0
        # An error holds the frames that it went through, and they hold this connection.
        error, self._error = self._error, None
        if self._complete and self._reusable and error is None:
            if self._paused:
                self._resume()
            self._pool.give_back(self)
        else:
            self.cut()

    def cut(self) -> None:
        """Close without ceremony."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def is_usable(self) -> bool:
        """Whether a request may be sent: open, and not closed by the other side unseen.

        The event loop learns of a close when it next looks; this looks now, so that a request is
        not lost on a connection that died while it lay idle. After a short rest it does not look: a
        close that has just come is told by `_is_unread`, and the look is a system call.
        """
        if self._transport is None or self._transport.is_closing():
            return False
        if self._poll is None or self._pool.now() - self.idle_since < FRESH_SECONDS:
            return True
        return not any(flags & GONE for _, flags in self._poll.poll(0))

    def more(self) -> asyncio.Future[None]:
        """What is done when there is more to look at."""
        waiter = self._waiter = self._pool.future()
        return waiter

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to send."""
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpResponseParser(self)
        sock = transport.get_extra_info("socket")
        if sock is None:
            return
        self._descriptor = sock.fileno()
        if transport.get_extra_info("ssl_object") is not None:
            # By the time that `connection_lost` is called, TLS has closed the socket; the copy still stands for it.
            with suppress(OSError):  # No descriptor is free: what is lost then counts as read.
                self._copy = os.dup(self._descriptor)
            self._descriptor = self._copy
        if self._descriptor is not None:
            self._poll = select.poll()
            self._poll.register(self._descriptor, select.POLLRDHUP)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what comes while nothing was asked makes the connection useless."""
        was_complete = self._complete
        if was_complete or not self.busy:
            self._fail(UpstreamInvalid("The provider sent more than the answer."))
            self.cut()
            return
        pieces, pending_bytes = len(self._pending), self._pending_bytes
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as fault:
            self._fail(UpstreamInvalid(f"The provider's answer is not HTTP/1.1: {fault}."))
            self.cut()
            return
        if self._complete:
            self._wake()
            return
        body_bytes = self._pending_bytes - pending_bytes + CHUNK_LINE_BYTES * (len(self._pending) - pieces)
        self._head_bytes = max(0, self._head_bytes + len(data) - body_bytes)
        if self._head_bytes > HEAD_MAX_BYTES:
            self._fail(UpstreamInvalid("The head or trailer of the provider's answer is too large."))
            self.cut()
            return
        if not self._headers_complete:
            return
        idle_at = self._pool.now() + self._idle_seconds
        self._pool.deadlines.limit(self, min(idle_at, self._total_at))
        if self._pending_bytes > PENDING_HIGH_BYTES and not self._paused and self._transport:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The provider, or we, closed it; an answer without a length ends here (RFC 9112, 6.3)."""
        if self.busy and not self._complete:
            if self._ends_with_connection(exc):
                self._complete = True
            elif self._headers_complete:
                self._fail(UpstreamInterrupted("The provider's answer broke off."))
            elif _is_end(exc) and not self._head_bytes and self._is_unread():
                self._fail(Unreached("The provider had closed the connection.", told=CLOSED))
            else:
                self._fail(UpstreamFailed("The provider closed the connection without an answer."))
        self._transport = self._poll = self._descriptor = None
        if self._copy is not None:
            os.close(self._copy)
            self._copy = None
        self._parser = _NO_PARSER
        self._wake()
        self._pool.lost(self)

    def expire(self) -> None:
        """A limit of time has passed: of the answer, or of lying idle."""
        if not self.busy:
            self.cut()
            return
        now = self._pool.now()
        if self._paused and now < self._total_at:
            # The caller is the slow one; it has a limit of its own.
            self._pool.deadlines.limit(self, min(now + self._idle_seconds, self._total_at))
            return
        if now >= self._total_at:
            self._fail(UpstreamTimeout("The call's time limit has passed."))
        elif self._headers_complete:
            self._fail(UpstreamTimeout(f"The provider fell silent for {self._idle_seconds:g} s."))
        else:
            self._fail(UpstreamTimeout("The provider did not begin to answer in time."))
        self.cut()
        self._wake()

    def _is_unread(self) -> bool:
        """Whether nothing of the request has reached the other side's system.

        Not one of its bytes was acknowledged, and the end that the other side sent would have
        acknowledged them: it closed before they came. TLS adds its records' frames to them: where as
        many bytes as the request has are left, what came may be frames' worth of its beginning, but
        never its end, without which no request is carried out.
        """
        if self._descriptor is None:
            return False
        queued = fcntl.ioctl(self._descriptor, termios.TIOCOUTQ, bytes(4))
        return int.from_bytes(queued, sys.byteorder) >= self._sent_bytes

    def _fail(self, error: TurnpikeError | Unreached) -> None:
        if self._error is None:
            self._error = error

    def _ends_with_connection(self, exc: Exception | None) -> bool:
        """Whether a close is the answer's end: a good close, that no fault of ours brought about."""
        if exc is not None or self._error is not None or not self._headers_complete:
            return False
        return b"content-length" not in self.headers and b"transfer-encoding" not in self.headers

    # What the parser calls

    def on_message_begin(self) -> None:
        """One answer to one request: what follows a whole one is not to be read as more of it."""
        if self._complete:
            raise UpstreamInvalid("The provider sent more than the answer.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line; trailers are dropped."""
        if self._headers_complete:
            return
        name = name.lower()
        if name in self.headers:
            self.headers[name] += b", " + value
        else:
            self.headers[name] = value

    def on_headers_complete(self) -> None:
        """The head is whole, or an interim one, which is passed over."""
        status = self._parser.get_status_code()
        if 100 <= status < 200:
            self.headers = {}
        else:
            self.status = status
            self._headers_complete = True

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._pending.append(data)
        self._pending_bytes += len(data)

    def on_message_complete(self) -> None:
        """The answer is whole, unless it was an interim one."""
        if self._headers_complete:
            self._complete = True
            self._reusable = self._parser.should_keep_alive()


def _is_end(exc: Exception | None) -> bool:
    """Whether the other side had ended its stream: a write that finds it so says "broken pipe" (a reset says other)."""
    return exc is None or isinstance(exc, BrokenPipeError)
