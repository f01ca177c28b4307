"""Bytes in, whole requests out: the edge's reading half, without I/O."""

from __future__ import annotations

from typing import Final, Protocol

import httptools
import msgspec

from turnpike.domain.errors import InvalidRequest, Overloaded, TurnpikeError
from turnpike.gateway.edge.framing import (
    SINGLE_HEADERS,
    check_head,
    head_too_large,
    split_target,
    too_large,
)
from turnpike.gateway.edge.limits import EdgeLimits
from turnpike.ports.clock import Clock
from turnpike.ports.http import Request

_NO_PARSER: Final = httptools.HttpRequestParser(None)


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """A whole request, whether its connection stays open after it, and if it reads chunks."""

    request: Request
    keep_alive: bool
    reads_chunks: bool


class Refusal(msgspec.Struct, frozen=True):
    """What came in place of a request: why it is refused, and what of it was read by then."""

    error: TurnpikeError
    target: bytes
    headers: dict[bytes, bytes]


class Sink(Protocol):
    """Who takes what the reader makes."""

    def arrived(self, incoming: Incoming) -> None:
        """A request is whole."""

    def refused(self, refusal: Refusal) -> None:
        """What came is no request that can be taken; nothing after it will be read."""

    def expects_to_go_on(self) -> None:
        """The caller waits for `100 Continue` before it sends the body."""

    def hold(self, count: int) -> bool:
        """`count` more bytes of a body are kept; whether there is room for them."""

    def release(self, count: int) -> None:
        """`count` bytes that were held are dropped unused."""


class RequestReader:
    """Reads the requests of one connection, in order; after a refusal it reads no more."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_clock",
        "_fault",
        "_head_bytes",
        "_headers",
        "_limits",
        "_lines",
        "_method",
        "_parser",
        "_raw_head_bytes",
        "_sink",
        "_target",
        "_version",
        "closed",
        "in_body",
        "in_head",
        "peer",
    )

    def __init__(self, sink: Sink, limits: EdgeLimits, clock: Clock) -> None:
        self._sink = sink
        self._limits = limits
        self._clock = clock
        self._parser = httptools.HttpRequestParser(self)
        self.peer = ""
        self.closed = False
        self.in_head = self.in_body = False
        self._fault: TurnpikeError | None = None
        self._target = b""
        self._method = self._version = ""
        self._headers: dict[bytes, bytes] = {}
        self._lines = self._head_bytes = self._raw_head_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0

    def feed(self, data: bytes) -> None:
        """Read on; what is whole goes to the sink before this returns."""
        if self.closed:
            return
        was_in_head = self.in_head
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.refuse(InvalidRequest("The gateway does not upgrade connections."))
        except httptools.HttpParserError as fault:
            self.refuse(self._fault or InvalidRequest(f"Not a request of HTTP/1.1: {fault}."))
        if was_in_head and self.in_head:
            self._raw_head_bytes += len(data)
            if self._raw_head_bytes > self._limits.head_bytes:
                self.refuse(head_too_large(self._limits))

    def refuse(self, error: TurnpikeError) -> None:
        """Give up on the connection's requests, the one that is coming in and all behind it."""
        if self.closed:
            return
        self.closed = True
        self.in_head = self.in_body = False
        self._drop_body()
        self._sink.refused(Refusal(error, self._target, self._headers))

    def close(self) -> None:
        """The connection is gone: let go of the parser, which holds this reader."""
        self.closed = True
        self._drop_body()
        self._parser = _NO_PARSER

    def _drop_body(self) -> None:
        self._sink.release(self._body_bytes)
        self._body = []
        self._body_bytes = 0

    # What the parser calls

    def on_message_begin(self) -> None:
        """A request begins."""
        self.in_head = True
        self._fault = None
        self._target = b""
        self._headers = {}
        self._lines = self._head_bytes = self._raw_head_bytes = 0

    def on_url(self, target: bytes) -> None:
        """A piece of the request target."""
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line, or a trailer, which is dropped (RFC 9110, 6.5.1)."""
        if self.in_body:
            return
        self._lines += 1
        self._head_bytes += len(name) + len(value) + 4
        name = name.lower()
        headers = self._headers
        if name in headers:
            if name in SINGLE_HEADERS:
                self._fault = InvalidRequest(f"The header {name.decode('latin-1')} came twice.")
            headers[name] += b", " + value
        else:
            headers[name] = value

    def on_headers_complete(self) -> None:
        """The head is whole: refuse it here, before its body is read, where it is at fault."""
        if self.closed:
            return
        self.in_head = False
        self.in_body = True
        limits, headers = self._limits, self._headers
        self._method = self._parser.get_method().decode()
        self._version = self._parser.get_http_version()
        if self._head_bytes + len(self._target) > limits.head_bytes:
            fault: TurnpikeError | None = head_too_large(limits)
        elif self._lines > limits.header_count:
            fault = head_too_large(limits)
        else:
            fault = self._fault or check_head(self._method, self._version, headers, limits)
        if fault is not None:
            self.refuse(fault)
        elif b"expect" in headers:
            self._sink.expects_to_go_on()

    def on_body(self, data: bytes) -> None:
        """A piece of the body, unchunked."""
        if self.closed:
            return
        self._body.append(data)
        self._body_bytes += len(data)
        if not self._sink.hold(len(data)):
            self.refuse(Overloaded("The gateway holds as many bodies as it can; try again."))
        elif self._body_bytes > self._limits.body_bytes:
            self.refuse(too_large(self._limits))

    def on_message_complete(self) -> None:
        """A request is whole."""
        if self.closed:
            return
        self.in_head = self.in_body = False
        body = self._body
        try:
            path, query = split_target(self._target)
        except InvalidRequest as fault:
            self.refuse(fault)
            return
        request = Request(
            self._method,
            path,
            query,
            self._headers,
            body[0] if len(body) == 1 else b"".join(body),
            self.peer,
            self._clock.monotonic_ns(),
        )
        if body:
            self._body = []
            self._body_bytes = 0
        keep_alive = self._parser.should_keep_alive()
        self._sink.arrived(Incoming(request, keep_alive, self._version == "1.1"))
