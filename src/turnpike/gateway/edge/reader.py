"""Bytes in, whole requests out: the edge's reading half, without I/O."""

from __future__ import annotations

import re
from typing import Final, Protocol

import httptools
import msgspec

from turnpike.domain.errors import InvalidRequest, Overloaded, TurnpikeError
from turnpike.gateway.edge.framing import (
    Line,
    check_head,
    check_repeated,
    head_too_large,
    join_lines,
    split_target,
    too_large,
)
from turnpike.gateway.edge.limits import EdgeLimits
from turnpike.ports.clock import Clock
from turnpike.ports.http import Request

CR: Final = 13
CHUNK_WEIGHT: Final = 9
"""Bytes on the wire that a byte of the body may cost: the smallest chunks take 6."""

_BLANK: Final = re.compile(rb"(?:\r\n)*\r?")
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


class _Nobody:
    """The sink of a reader that was closed."""

    def arrived(self, incoming: Incoming) -> None:
        return

    def refused(self, refusal: Refusal) -> None:
        return

    def expects_to_go_on(self) -> None:
        return

    def hold(self, count: int) -> bool:
        return False

    def release(self, count: int) -> None:
        return


_NOBODY: Final = _Nobody()


class RequestReader:
    """Reads the requests of one connection, in order; after a refusal it reads no more."""

    __slots__ = (
        "_after_cr",
        "_body",
        "_clock",
        "_expects",
        "_feeding_bytes",
        "_headers",
        "_held_bytes",
        "_limits",
        "_lines",
        "_loose_bytes",
        "_method",
        "_parser",
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
        self.in_head = self.in_body = self._expects = False
        self._target = b""
        self._method = self._version = ""
        self._lines: list[Line] = []
        """Of the head that is coming in."""
        self._headers: dict[bytes, bytes] = {}
        self._feeding_bytes = self._loose_bytes = self._held_bytes = 0
        self._body: bytes | bytearray = b""
        self._after_cr = False

    def feed(self, data: bytes) -> None:
        """Read on by what came, at least one byte; what is whole goes to the sink before this returns."""
        if self.closed:
            return
        in_message = self.in_head or self.in_body
        if not in_message and (data[0] <= CR or self._after_cr) and not self._is_blank(data):
            self.refuse(InvalidRequest("Something that is no request stands before one."))
            return
        lines, body_bytes = self._lines, len(self._body)
        self._feeding_bytes = len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as fault:
            raise _cause(fault) from None  # A fault of ours is not the caller's.
        except httptools.HttpParserUpgrade:
            self.refuse(InvalidRequest("The gateway does not upgrade connections."))
        except httptools.HttpParserError as fault:
            repeated = check_repeated(self._lines) if self.in_head else None
            self.refuse(repeated or InvalidRequest(f"Not a request of HTTP/1.1: {fault}."))
        if self.in_head:
            self._hold_head(len(data))
        if in_message and lines is self._lines and (self.in_head or self.in_body):
            self._weigh(len(data), len(self._body) - body_bytes)

    def refuse(self, error: TurnpikeError) -> None:
        """Give up on the connection's requests, the one that is coming in and all behind it."""
        if self.closed:
            return
        headers = join_lines(self._lines) if self.in_head else self._headers
        self.closed = True
        self.in_head = self.in_body = False
        self._drop_body()
        self._sink.refused(Refusal(error, self._target, headers))

    def close(self) -> None:
        """Read no more: let go of what has come, of the parser, which holds this reader, and of the sink, which may."""
        self.closed = True
        self.in_head = self.in_body = False
        self._drop_body()
        self._headers = {}
        self._lines = []
        self._parser = _NO_PARSER
        self._sink = _NOBODY

    def _drop_body(self) -> None:
        self._sink.release(len(self._body))
        self._body = b""
        self._release_head()

    def _hold_head(self, count: int) -> None:
        """Count a head that is not whole among what is held: strangers send those too."""
        self._held_bytes += count
        has_room = self._sink.hold(count)
        if len(self._lines) > self._limits.header_count:  # In memory they are ten times their length.
            self.refuse(head_too_large(self._limits))
        elif not has_room:
            self.refuse(Overloaded("The gateway holds as much as it can; try again."))

    def _release_head(self) -> None:
        if self._held_bytes:
            self._sink.release(self._held_bytes)
            self._held_bytes = 0

    @property
    def head(self) -> Request:
        """The request whose body is coming in, without it. Raises InvalidRequest where its target is no path."""
        path, query = split_target(self._target)
        return Request(self._method, path, query, self._headers, b"", self.peer, self._clock.monotonic_ns())

    @property
    def waits_to_go_on(self) -> bool:
        """Whether a caller has announced a body and may wait for `100 Continue` before it sends it."""
        return self._expects and self.in_body and not self._body

    def _is_blank(self, data: bytes) -> bool:
        """Whether `data` begins with empty lines, as may stand before a request (RFC 9112, 2.2)."""
        blank = data[: len(data) - len(data.lstrip(b"\r\n"))]
        goes_on = len(blank) < len(data)
        if self._after_cr:
            blank = b"\r" + blank
        self._after_cr = blank.endswith(b"\r")
        return _BLANK.fullmatch(blank) is not None and not (goes_on and self._after_cr)

    def _weigh(self, fed_bytes: int, body_bytes: int) -> None:
        """Bound what no other limit counts: a head or trailer before its end, the framing of chunks."""
        self._loose_bytes = max(0, self._loose_bytes + fed_bytes - CHUNK_WEIGHT * body_bytes)
        if self._loose_bytes > self._limits.head_bytes:
            self.refuse(head_too_large(self._limits))

    # What the parser calls

    def on_message_begin(self) -> None:
        """A request begins."""
        if self.closed:
            return
        self.in_head = True
        self._target = b""
        self._lines = []
        self._loose_bytes = 0

    def on_url(self, target: bytes) -> None:
        """A piece of the request target."""
        self._target += target

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header line, or a trailer, which is dropped (RFC 9110, 6.5.1)."""
        if not self.in_body:
            self._lines.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole: refuse it here, before its body is read, where it is at fault."""
        if self.closed:
            return
        self.in_head = False
        self.in_body = True
        held_bytes = self._held_bytes
        if held_bytes:
            self._release_head()
        self._method = method = self._parser.get_method().decode()
        self._version = version = self._parser.get_http_version()
        self._headers = headers = join_lines(self._lines)
        lines, limits = self._lines, self._limits
        may_be_large = held_bytes + self._feeding_bytes > limits.head_bytes
        if len(lines) > limits.header_count or (may_be_large and self._is_too_large()):
            fault: TurnpikeError | None = head_too_large(limits)
        else:
            fault = check_head(method, version, headers, limits)
            if len(headers) < len(lines):
                fault = check_repeated(lines) or fault
        if fault is not None:
            self.refuse(fault)
            return
        self._expects = b"expect" in headers and version == "1.1"
        if self._expects:
            self._sink.expects_to_go_on()

    def _is_too_large(self) -> bool:
        """Whether a head is, counted exactly."""
        lines_bytes = sum(len(name) + len(value) + 4 for name, value in self._lines)
        return len(self._target) + lines_bytes > self._limits.head_bytes

    def on_body(self, data: bytes) -> None:
        """A piece of the body, unchunked."""
        if self.closed:
            return
        body = self._body
        if not body:
            self._body = data
        elif type(body) is bytearray:
            body += data
        else:
            self._body = bytearray(body) + data
        if not self._sink.hold(len(data)):
            self.refuse(Overloaded("The gateway holds as many bodies as it can; try again."))
        elif len(self._body) > self._limits.body_bytes:
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
            body if type(body) is bytes else bytes(body),
            self.peer,
            self._clock.monotonic_ns(),
        )
        self._body = b""
        self._lines = []
        keep_alive = self._parser.should_keep_alive()
        self._sink.arrived(Incoming(request, keep_alive, self._version == "1.1"))


def _cause(fault: httptools.HttpParserCallbackError) -> BaseException:
    """What a callback raised, which the parser keeps as the context of its own error."""
    return fault.__context__ or fault
