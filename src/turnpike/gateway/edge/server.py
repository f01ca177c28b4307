"""The edge of one worker: listens, keeps its connections within bounds, and stops in good order."""

from __future__ import annotations

import asyncio
import contextlib
import select
import ssl
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from functools import partial
from typing import Any, Final

import msgspec
import structlog

from turnpike.domain.errors import CutByDrain, InternalError, Overloaded, TurnpikeError
from turnpike.gateway.cancellation import is_out_of_time, why_cancelled
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.edge.connection import Connection
from turnpike.gateway.edge.handshakes import Handshakes
from turnpike.gateway.edge.house import Guest, RenderedError, Work
from turnpike.gateway.edge.limits import EdgeLimits
from turnpike.gateway.edge.reader import Refusal
from turnpike.gateway.edge.unpack import unpack
from turnpike.ports.clock import Clock
from turnpike.ports.http import OUT_OF_TIME, Application, Reply, Request

BACKLOG = 4096
FLUSH_SECONDS = 1.0
LOOK_SECONDS = 1.0
"""How often the date header is set, and it is looked who has left of those that are not read from."""

UNPACKERS = 2
"""Bodies unpacked at once: each takes as much memory as the largest body may, and is counted when it is whole."""

GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR

PACKED: Final = b"content-encoding"


class Site(msgspec.Struct, frozen=True):
    """What a server serves.

    answer: to whole requests. render_error: from path, headers and error to the status, head and body in the shape
    that the caller's SDK parses, for what is refused outside of `answer`. admit: raises the TurnpikeError that speaks
    against taking in the body of a request, of which it is handed the head.
    """

    answer: Application
    render_error: Callable[[str, dict[bytes, bytes], TurnpikeError], RenderedError]
    admit: Callable[[Request], None]


class Server:
    """One listening socket's worth of connections."""

    def __init__(self, site: Site, limits: EdgeLimits, clock: Clock, deadlines: Deadlines) -> None:
        self._application = site.answer
        self._render_error = site.render_error
        self.admit = site.admit
        self.limits = limits
        self.phase_seconds = limits.phase_seconds()
        self.clock = clock
        self.deadlines = deadlines
        self.buffered_bytes = 0
        self.draining = False
        self.date = b""
        self._loop = asyncio.get_running_loop()
        self._group: asyncio.TaskGroup | None = None
        self._connections: set[Guest] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._handshakes: Handshakes | None = None
        self._listener: asyncio.Server | None = None
        self._watched: dict[int, Guest] = {}
        self._descriptors: dict[Guest, int] = {}
        self._watch = select.poll()
        self._unpackers = ThreadPoolExecutor(UNPACKERS, "unpack")
        self._look_timer: asyncio.TimerHandle | None = None
        self._emptied = asyncio.Event()
        self.now = self._loop.time
        self.future: Callable[[], asyncio.Future[None]] = self._loop.create_future

    async def listen(
        self,
        group: asyncio.TaskGroup,
        host: str,
        port: int,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> int:
        """Take connections from now on, each with a task of `group`; returns the port.

        `tls` is asked for its context at each handshake.
        Several workers may listen on the same port (SO_REUSEPORT). Raises OSError where it is
        taken by somebody else.
        """
        self._group = group
        self._look()
        taken: Callable[[], asyncio.Protocol] = partial(Connection, self)
        if tls is not None:
            self._handshakes = Handshakes(self, tls, taken)
            taken = self._handshakes.arrival
        self._listener = await self._loop.create_server(taken, host, port, backlog=BACKLOG, reuse_port=True)
        return int(self._listener.sockets[0].getsockname()[1])

    def drain(self) -> None:
        """Hang up on idle callers; those in a call are told that it was their last here."""
        self.draining = True
        for connection in tuple(self._connections):
            connection.close_if_idle()

    async def close(self) -> None:
        """Listen no more and end what is still being answered, which its callers are told.

        What has been written may still flush, then whoever is left is cut.
        """
        if self._listener is not None:
            self._listener.close()
        if self._look_timer is not None:
            self._look_timer.cancel()
        if self._handshakes is not None:
            self._handshakes.give_up_all()
        self.drain()
        for task in tuple(self._tasks):
            task.cancel(OUT_OF_TIME)
        if self._connections:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), FLUSH_SECONDS)
        for connection in tuple(self._connections):
            connection.abort()
        self._unpackers.shutdown(wait=False, cancel_futures=True)

    @property
    def connections(self) -> int:
        """Open connections, those in their handshake among them."""
        return len(self._connections) + (0 if self._handshakes is None else len(self._handshakes))

    @property
    def overcrowding(self) -> int:
        """By how many there are more connections than the limit."""
        return self.connections - self.limits.connections

    # What a connection asks of its server

    def opened(self, connection: Guest) -> None:
        """A connection is there."""
        self._connections.add(connection)
        self._emptied.clear()

    def closed(self, connection: Guest) -> None:
        """A connection is gone."""
        self._connections.discard(connection)
        if not self._connections:
            self._emptied.set()
        self.deadlines.forget(connection)

    def watch(self, connection: Guest, transport: asyncio.BaseTransport) -> None:
        """Look now and then whether the caller has left: nothing is read from this transport for now."""
        sock = transport.get_extra_info("socket")
        if sock is None:  # TLS has let go of it: the connection is about to be told that it is lost.
            return
        descriptor = sock.fileno()
        self._watched[descriptor] = connection
        self._descriptors[connection] = descriptor
        self._watch.register(descriptor, select.POLLRDHUP)

    def watch_no_more(self, connection: Guest) -> None:
        """The connection is read from again, or is gone."""
        descriptor = self._descriptors.pop(connection, None)
        # The system may have given a closed socket's number to another one by now.
        if descriptor is not None and self._watched.get(descriptor) is connection:
            del self._watched[descriptor]
            self._watch.unregister(descriptor)

    def serve(self, connection: Guest) -> asyncio.Task[None]:
        """Answer the connection's requests, one after the other, in a task of its own."""
        return self._begin(_guarded(partial(self._serve, connection), connection))

    def spawn(self, work: Work) -> asyncio.Task[None]:
        """Run what leads to a connection; a fault of ours in it is logged, and ends that alone."""
        return self._begin(_guarded(work))

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        if self._group is None:
            raise RuntimeError("listen() comes first")
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _serve(self, connection: Guest) -> None:
        while True:
            while not connection.queue:
                await connection.more()
            request = connection.take_up()
            if request is None:
                return
            try:
                answer = self._application if PACKED not in request.headers else self._answer_packed
                await answer(request, connection)
            except (Exception, asyncio.CancelledError) as fault:
                if not self._is_told(fault, request, connection):
                    raise  # Here: a frame that it went through and that has it for a parameter would never be freed.
            finally:
                connection.put_down(request)
            if connection.congested:  # A caller that reads no answer gets no further one.
                await connection.drained()
            if not connection.go_on():
                return

    def _is_told(self, fault: BaseException, request: Request, reply: Reply) -> bool:
        """Whether what came in place of an answer could be told; False where the caller has left."""
        told = _told_of(fault)
        if told is None:
            return False
        if not (reply.begun and isinstance(told, CutByDrain)):
            self._tell(told, request, reply)
        if isinstance(told, InternalError):
            structlog.get_logger().error(
                "edge.fault", call=told.call_id, method=request.method, path=request.path, exc_info=fault
            )
        return True

    def render_refusal(self, refusal: Refusal) -> RenderedError:
        """The answer to what could not be read as a request."""
        path = refusal.target.partition(b"?")[0].decode("latin-1")
        return self._render_error(path, refusal.headers, refusal.error)

    def _tell(self, error: TurnpikeError, request: Request, reply: Reply) -> None:
        if reply.begun:
            reply.abort()
        else:
            reply.whole(*self._render_error(request.path, request.headers, error))

    async def _answer_packed(self, packed: Request, reply: Reply) -> None:
        if packed.body:
            self.admit(packed)
        request = await self._unpacked(packed)
        unpacked_bytes = len(request.body)
        self.buffered_bytes += unpacked_bytes
        try:
            if self.buffered_bytes > self.limits.buffered_bytes:
                raise Overloaded("The gateway holds as many bodies as it can; try again.")
            await self._application(request, reply)
        finally:
            self.buffered_bytes -= unpacked_bytes

    async def _unpacked(self, request: Request) -> Request:
        headers = dict(request.headers)
        encoding = headers.pop(PACKED).lower()
        body = request.body
        if encoding != b"identity":
            # However short it is: a few KiB may stand for a thousand times as much.
            body = await self._loop.run_in_executor(self._unpackers, unpack, body, encoding, self.limits)
        headers[b"content-length"] = b"%d" % len(body)
        return Request(
            request.method,
            request.path,
            request.query,
            headers,
            body,
            request.peer,
            request.received_ns,
        )

    def _look(self) -> None:
        """Every second or so: what time it is, and who has left."""
        self._look_timer = self._loop.call_later(LOOK_SECONDS, self._look)
        self.date = formatdate(self.clock.now_ns() / 1e9, usegmt=True).encode()
        for descriptor, flags in self._watch.poll(0):
            if flags & GONE:
                self._watched[descriptor].left()


def _told_of(fault: BaseException) -> TurnpikeError | None:
    """What a caller is told of a fault, None where nobody is there to be told.

    A cancellation that came from `close` ends with the call: the connection is still to be closed in good order.
    """
    if isinstance(fault, asyncio.CancelledError):
        return why_cancelled(fault) if is_out_of_time(fault) else None
    if isinstance(fault, TurnpikeError):
        return fault
    return InternalError("A fault inside the gateway; its log says more, under the call's id.")


async def _guarded(work: Work, connection: Guest | None = None) -> None:
    """A task whose fault ends one connection alone: all others of the worker are tasks of the same group."""
    try:
        await work()
    except Exception:
        structlog.get_logger().exception("edge.connection_fault")
        if connection is not None:
            connection.abort()
