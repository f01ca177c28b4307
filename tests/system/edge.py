"""The edge on a real socket, in a thread of its own, with an application that records what it was handed."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar
from urllib.parse import urlsplit

import uvloop

from turnpike.adapters.system.clock import SystemClock
from turnpike.domain.errors import MissingKey, TurnpikeError
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.edge.connection import Connection
from turnpike.gateway.edge.limits import EdgeLimits, Phase
from turnpike.gateway.edge.server import Server, Site
from turnpike.gateway.surfaces import error_shape
from turnpike.ports.http import Reply, Request

T = TypeVar("T")
WAIT_SECONDS = 10.0
SEND_BUFFER_BYTES = 16_384
STRANGERS = ("/stranger",)
"""Where no body is let in."""

Answer = Callable[[Request, Reply], Awaitable[None]]


class Edge:
    """A running edge; `requests` are those that reached the application, in order."""

    def __init__(
        self, limits: EdgeLimits, answers: Mapping[str, Answer], tls: Callable[[], ssl.SSLContext] | None
    ) -> None:
        self.limits = limits
        self.requests: list[Request] = []
        self.cancelled = 0
        self.port = 0
        self._answers = answers
        self._tls = tls
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: uvloop.run(self._run()), daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.result(WAIT_SECONDS)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(WAIT_SECONDS)
        assert not self._thread.is_alive(), "the edge does not stop"

    def read(self, value: Callable[[Server], T]) -> T:
        """A value of the server, read in its own thread."""

        async def look() -> T:
            return value(self.server)

        return asyncio.run_coroutine_threadsafe(look(), self._loop).result(WAIT_SECONDS)

    @property
    def connections(self) -> int:
        return self.read(lambda server: server.connections)

    def phases(self) -> set[Phase]:
        """What the connections wait for."""
        return self.read(
            lambda server: {guest.phase for guest in server._connections if isinstance(guest, Connection)}
        )

    @property
    def tasks(self) -> int:
        """Tasks of the loop, but for the edge's own one and the one that looks."""
        return self.read(lambda server: len(asyncio.all_tasks())) - 2

    def connect(self, receive_buffer_bytes: int | None = None) -> Wire:
        """A caller's connection."""
        plain = socket.socket()
        if receive_buffer_bytes is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        plain.settimeout(WAIT_SECONDS)
        plain.connect(("127.0.0.1", self.port))
        return Wire(plain)

    def assert_nothing_is_left(self) -> None:
        """Within the bound: no connection, no task, no body that is still counted."""
        wait_until(lambda: self.connections == 0, "every connection closed")
        wait_until(lambda: self.tasks == 0, "every task ended")
        assert self.read(lambda server: server.buffered_bytes) == 0

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        deadlines = Deadlines()
        deadlines.start()
        site = Site(self._answer, render_error, self._admit)
        self.server = Server(site, self.limits, SystemClock(), deadlines)
        async with asyncio.TaskGroup() as group:
            self.port = await self.server.listen(group, "127.0.0.1", 0, self._tls)
            self._shrink_send_buffers()
            self._ready.set_result(None)
            await self._stop.wait()
            await self.server.close()
        deadlines.stop()

    def _shrink_send_buffers(self) -> None:
        """Let the kernel hold little of what a caller does not read, so that the edge feels it soon."""
        assert self.server._listener is not None
        for listening in self.server._listener.sockets:
            with socket.fromfd(listening.fileno(), socket.AF_INET, socket.SOCK_STREAM) as same:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    def _admit(self, head: Request) -> None:
        if head.path in STRANGERS:
            raise MissingKey("No key came with the request.")

    async def _answer(self, request: Request, reply: Reply) -> None:
        self.requests.append(request)
        try:
            await self._answers.get(request.path, answer_ok)(request, reply)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


class Wire:
    """One connection, byte by byte."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_what_goes(self, data: bytes) -> None:
        """Send to a peer that may hang up meanwhile."""
        with contextlib.suppress(ConnectionError):
            self.sock.sendall(data)

    def read_to_end(self) -> bytes:
        """All that comes until the other side closes, in good order or not."""
        told = b""
        with contextlib.suppress(ConnectionError):
            while piece := self.sock.recv(65_536):
                told += piece
        return told

    def read_until(self, end: bytes) -> bytes:
        told = b""
        while not told.endswith(end):
            piece = self.sock.recv(65_536)
            assert piece, f"closed after {told!r}"
            told += piece
        return told

    def read_answer(self) -> bytes:
        """One answer that has a length, to its end."""
        told = b""
        while b"\r\n\r\n" not in told or len(body_of(told)) < length_of(told):
            piece = self.sock.recv(65_536)
            assert piece, f"closed after {told!r}"
            told += piece
        return told


@contextlib.contextmanager
def running_edge(
    limits: EdgeLimits | None = None,
    answers: Mapping[str, Answer] | None = None,
    tls: Callable[[], ssl.SSLContext] | None = None,
) -> Iterator[Edge]:
    """An edge for the time of a `with`; at its end nothing may be left of any connection."""
    edge = Edge(limits or EdgeLimits(linger_seconds=0.2), answers or {}, tls)
    edge.start()
    try:
        yield edge
        edge.assert_nothing_is_left()
    finally:
        edge.stop()


def connected(url: str) -> Wire:
    """A caller's connection to a gateway that runs elsewhere."""
    address = urlsplit(url)
    return Wire(socket.create_connection((address.hostname, address.port), timeout=WAIT_SECONDS))


async def answer_ok(request: Request, reply: Reply) -> None:
    """What the application says where a test gives nothing else: its path and the size of the body."""
    reply.whole(200, b"", b"%b %d" % (request.path.encode(), len(request.body)))


def render_error(path: str, headers: dict[bytes, bytes], error: TurnpikeError) -> tuple[int, bytes, bytes]:
    """As the gateway's router renders them, but for the call's id."""
    body = error_shape(path, headers).body(error, "a-call")
    return error.http_status, b"content-type: application/json\r\n", body


def statuses(told: bytes) -> list[int]:
    """The statuses of the answers in `told`, whose bodies hold nothing that looks like a status line."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) [A-Z]", told)]


def body_of(told: bytes) -> bytes:
    return told.partition(b"\r\n\r\n")[2]


def length_of(told: bytes) -> int:
    return int(told.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])


def a_request(
    method: str = "POST", path: str = "/v1/chat/completions", *lines: str, body: bytes = b""
) -> bytes:
    """A well-formed request with further header lines."""
    length = () if any("ransfer-" in line for line in lines) else (f"content-length: {len(body)}",)
    head = "\r\n".join((f"{method} {path} HTTP/1.1", "host: test", *lines, *length, "", ""))
    return head.encode("latin-1") + body


def wait_until(happened: Callable[[], Any], what: str, within_seconds: float = WAIT_SECONDS) -> None:
    """Look again until it has happened; fails with `what` after the bound."""
    until = time.monotonic() + within_seconds
    while not happened():
        assert time.monotonic() < until, f"not within {within_seconds:g} s: {what}"
        time.sleep(0.005)
