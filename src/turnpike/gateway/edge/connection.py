"""One caller's connection: requests to the application one by one, its replies out in order."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, cast

from turnpike.domain.errors import Overloaded, RequestTimeout, TurnpikeError
from turnpike.gateway.deadlines import NEVER
from turnpike.gateway.edge.house import House
from turnpike.gateway.edge.limits import (
    FEED_BYTES,
    TURNED_AWAY_AT_ONCE,
    WRITE_HIGH_BYTES,
    WRITE_LOW_BYTES,
    Phase,
)
from turnpike.gateway.edge.reader import Incoming, Refusal, RequestReader
from turnpike.gateway.edge.replying import Replying
from turnpike.gateway.edge.status import CONTINUE
from turnpike.ports.http import Request

IDLE: Final = Phase.IDLE
HEAD: Final = Phase.HEAD
BODY: Final = Phase.BODY
BUSY: Final = Phase.BUSY
STALLED: Final = Phase.STALLED


class Connection(Replying, asyncio.Protocol):
    """Speaks HTTP/1.1 with one caller.

    What it waits for, and so which limit of time it is under, follows from its state alone; after each event
    `_settle` starts the limit of a phase that has begun.
    """

    __slots__ = (
        "_admitted",
        "_ending",
        "_in_call",
        "_next",
        "_reader",
        "_reading_paused",
        "_task",
        "_unread",
        "phase",
        "queue",
    )

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._reader = RequestReader(self, house.limits, house.clock)
        self._task: asyncio.Task[None] | None = None
        self.queue: deque[Incoming | Refusal] = deque()
        self._next: asyncio.Future[None] | None = None
        self._unread = b""
        self._admitted = self._in_call = self._reading_paused = False
        self._ending: Phase | None = None
        self.phase = BUSY

    # The transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request, or turn the caller away where there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(WRITE_HIGH_BYTES, WRITE_LOW_BYTES)
        peer = transport.get_extra_info("peername")
        self._reader.peer = peer[0] if isinstance(peer, tuple) else ""
        self._house.opened(self)
        self._settle()
        self._task = self._house.serve(self)
        if self._house.overcrowding > TURNED_AWAY_AT_ONCE:
            self._transport.abort()
        elif self._house.overcrowding > 0:
            self._reader.refuse(Overloaded("The gateway takes no further connection; try again."))

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller is gone: whatever runs for it is cancelled at once."""
        self._watch_no_more()
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
            self._admit()
            if self._in_call or self.queue or self._write_paused:
                self._pause_reading()
            self._settle()

    def eof_received(self) -> bool:
        """A caller that will send no more is taken to have gone; what is written may still flush."""
        self.left()
        return False

    def left(self) -> None:
        """The same, of a caller that is not read from for now."""
        if self._task is not None:
            self._task.cancel()
        self._hang_up()

    def pause_writing(self) -> None:
        """The caller reads slower than the answer comes."""
        self._write_paused = True
        self._settle()

    def resume_writing(self) -> None:
        """The caller has caught up."""
        self._write_paused = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._settle()

    def expire(self) -> None:
        """The limit of the phase has passed."""
        if self._transport is None:
            return
        if self.phase is HEAD or self.phase is BODY:
            self._reader.refuse(RequestTimeout("The request did not arrive whole in time."))
        elif self.phase is IDLE:
            self._hang_up()
        elif self.phase is Phase.LINGERING and self._transport.get_write_buffer_size():
            self._ending = Phase.CLOSING
            self._settle()
        else:
            self._transport.abort()

    # The reader's side: Sink

    def arrived(self, incoming: Incoming) -> None:
        """A request is whole: wake the task, or line it up behind the one in hand."""
        self._admitted = False
        queue = self.queue
        queue.append(incoming)
        if len(queue) >= self._house.limits.pipelined_requests:
            self._pause_reading()
        if self.phase is not BUSY:
            self._settle()
        self._wake()

    def refused(self, refusal: Refusal) -> None:
        """No more requests: say why after the answers to those before it."""
        self.queue.append(refusal)
        self._wake()
        self._settle()

    def expects_to_go_on(self) -> None:
        """Invite the body of a caller that may send one, once no answer to a request before it is to go out first."""
        if self._in_call or self.queue:
            return
        self._admit()
        if self._transport is not None and not self._reader.closed:
            self._transport.write(CONTINUE)

    def hold(self, count: int) -> bool:
        """Count a body's bytes against what the worker may hold."""
        self._house.buffered_bytes += count
        return self._house.buffered_bytes <= self._house.limits.buffered_bytes

    def release(self, count: int) -> None:
        """Count them no more."""
        self._house.buffered_bytes -= count

    # The server's side: one request after the other

    def more(self) -> asyncio.Future[None]:
        """What is done once there is something to take up."""
        self._next = self._house.future()
        return self._next

    def take_up(self) -> Request | None:
        """The next request that has come, to be answered by this; None where a refusal was the last of all answers."""
        item = self.queue.popleft()
        if isinstance(item, Refusal):
            self._answer_refusal(item)
            return None
        self._in_call = True
        self._handled += 1
        self._keep_alive = item.keep_alive
        self._reads_chunks = item.reads_chunks
        request = item.request
        self._is_head = request.method == "HEAD"
        self.begun = self.ended = False
        return request

    def put_down(self, request: Request) -> None:
        """Its answer is over, or nobody waits for it any longer."""
        self._in_call = False
        self._house.buffered_bytes -= len(request.body)

    def go_on(self) -> bool:
        """After an answer: whether the connection serves another request."""
        if self._transport is None:
            return False
        if not self.ended:
            self.abort()
            return False
        if not self._stays or self._house.draining:
            if self._keep_alive:  # A caller that would stay may be sending: a reset could cost it our answer.
                self._linger()
            else:
                self._hang_up()
            return False
        if not self.queue:
            if self._reading_paused:
                self._resume_reading()
            if self._reader.in_body and self._reader.waits_to_go_on:
                self.expects_to_go_on()
            self._settle()
        return True

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
        self._ending = Phase.LINGERING
        self._reader.close()
        self._drop_queue()
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._resume_reading()
        self._settle()

    def _hang_up(self) -> None:
        """Close once all is sent, which a caller that does not read may not put off for ever."""
        if self._transport is None:
            return
        if self._ending is None:
            self._ending = Phase.CLOSING
            self._settle()
        self._transport.close()

    def _drop_queue(self) -> None:
        """Let go of the requests that will not be answered."""
        for item in self.queue:
            if isinstance(item, Incoming):
                self.release(len(item.request.body))
        self.queue.clear()
        self._unread = b""

    # Limits of time, and the pace of reading

    def _admit(self) -> None:
        """Of a request whose body is still to come: take no more of it from whoever may not send one."""
        reader = self._reader
        if not reader.in_body or self._admitted:
            return
        self._admitted = True
        try:
            self._house.admit(reader.head)
        except TurnpikeError as refusal:
            reader.refuse(refusal)

    def _settle(self) -> None:
        """Hold the connection to the limit of its phase, from the moment when that began."""
        if self._ending is not None:
            phase = self._ending
        elif self._write_paused:
            phase = STALLED
        elif self._in_call or self.queue:
            phase = BUSY
        elif self._reader.in_body:
            phase = BODY
        else:
            phase = HEAD if self._reader.in_head else IDLE
        if phase is self.phase:
            return
        self.phase = phase
        if phase is BUSY:  # What is done for the call has limits of its own.
            self.deadline = NEVER
        else:
            house = self._house
            house.deadlines.limit(self, house.now() + house.phase_seconds[phase])

    def _wake(self) -> None:
        if self._next is not None and not self._next.done():
            self._next.set_result(None)

    def _pause_reading(self) -> None:
        """Read no more for now; whether the caller leaves meanwhile is for the house to see."""
        if not self._reading_paused and self._transport is not None:
            self._reading_paused = True
            self._transport.pause_reading()
            self._house.watch(self, self._transport)

    def _resume_reading(self) -> None:
        if self._reading_paused and self._transport is not None:
            self._watch_no_more()
            self._reading_paused = False
            self._transport.resume_reading()
            if self._unread:
                data, self._unread = self._unread, b""
                self._feed_in_slices(data)

    def _watch_no_more(self) -> None:
        if self._reading_paused:
            self._house.watch_no_more(self)

    def _feed_in_slices(self, data: bytes) -> None:
        """Read on until as many requests wait as may; the rest stays unread until they are answered."""
        most = self._house.limits.pipelined_requests
        for start in range(0, len(data), FEED_BYTES):
            if len(self.queue) >= most:
                self._unread = data[start:]
                return
            self._reader.feed(data[start : start + FEED_BYTES])
            self._admit()

    def close_if_idle(self) -> None:
        """For a server that stops: hang up unless a request is in hand, or coming in."""
        if self.phase is IDLE:
            self._hang_up()
