"""The edge of one worker: listens, keeps its connections within bounds, and stops in good order."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Coroutine
from email.utils import formatdate
from functools import partial
from typing import Any

import structlog

from turnpike.domain.errors import InternalError, Overloaded, TurnpikeError
from turnpike.gateway.cancellation import is_out_of_time, why_cancelled
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.edge.connection import Connection
from turnpike.gateway.edge.handshakes import Handshakes
from turnpike.gateway.edge.house import Guest, RenderedError
from turnpike.gateway.edge.limits import EdgeLimits
from turnpike.gateway.edge.reader import Refusal
from turnpike.gateway.edge.unpack import unpack
from turnpike.ports.clock import Clock
from turnpike.ports.http import OUT_OF_TIME, Application, Reply, Request

BACKLOG = 4096
DATE_SECONDS = 1.0
FLUSH_SECONDS = 1.0

RenderError = Callable[[str, dict[bytes, bytes], TurnpikeError], RenderedError]
"""From path, headers and error to the status, head and body in the shape the caller's SDK parses."""


class Server:
    """One listening socket's worth of connections.

    `application` answers whole requests; `render_error` shapes what is refused before one is whole.
    """

    def __init__(
        self,
        application: Application,
        render_error: RenderError,
        limits: EdgeLimits,
        clock: Clock,
        deadlines: Deadlines,
    ) -> None:
        self._application = application
        self._render_error = render_error
        self.limits = limits
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
        self._date_timer: asyncio.TimerHandle | None = None
        self._emptied = asyncio.Event()
        self.now = self._loop.time
        self.future: Callable[[], asyncio.Future[None]] = self._loop.create_future

    async def listen(
        self,
        group: asyncio.TaskGroup,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
    ) -> int:
        """Take connections from now on, each with a task of `group`; returns the port.

        Several workers may listen on the same port (SO_REUSEPORT). Raises OSError where it is
        taken by somebody else.
        """
        self._group = group
        self._tell_date()
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
        if self._date_timer is not None:
            self._date_timer.cancel()
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

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a connection's task."""
        if self._group is None:
            raise RuntimeError("listen() comes first")
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def answer(self, request: Request, reply: Reply) -> None:
        """Have the application answer; a fault of ours is logged and told as one."""
        try:
            if b"content-encoding" in request.headers:
                await self._answer_packed(request, reply)
            else:
                await self._application(request, reply)
        except TurnpikeError as refusal:
            self._tell(refusal, request, reply)
        except asyncio.CancelledError as cancelled:
            if not is_out_of_time(cancelled):
                raise
            # It came from `close`, and ends here: the connection is still to be closed in good order.
            if not reply.begun:
                self._tell(why_cancelled(cancelled), request, reply)
        except Exception:
            fault = InternalError("A fault inside the gateway; its log says more, under the call's id.")
            self._tell(fault, request, reply)
            structlog.get_logger().exception(
                "edge.fault", call=fault.call_id, method=request.method, path=request.path
            )

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
        encoding = headers.pop(b"content-encoding").lower()
        body = request.body
        if encoding != b"identity":
            # However short it is: a few KiB may stand for a thousand times as much.
            body = await self._loop.run_in_executor(None, unpack, body, encoding, self.limits)
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

    def _tell_date(self) -> None:
        self.date = formatdate(self.clock.now_ns() / 1e9, usegmt=True).encode()
        self._date_timer = self._loop.call_later(DATE_SECONDS, self._tell_date)
