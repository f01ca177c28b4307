"""What a connection to control's port may take of it: bytes of a head, header lines, time, and a place among others.

uvicorn's HTTP on h11, with the bounds that it leaves to a proxy: it gives a head any time, a caller that never
sends or never reads one too, and takes any number of callers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from enum import Enum
from http import HTTPStatus
from typing import Any

import h11
import msgspec
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from turnpike.control.api.problems import problem_response
from turnpike.domain.errors import HeadersTooLarge, InvalidRequest, RequestTimeout, TurnpikeError


class Bounds(msgspec.Struct, frozen=True):
    """What one connection may take, and how many there may be."""

    head_bytes: int = 32 * 1024
    """The request line and the headers; also a chunk's head, and a body's trailers."""
    header_lines: int = 100
    head_seconds: float = 10.0
    """From the first byte of a head, or from a new connection's begin, to the head's end."""
    rest_seconds: float = 2.0
    """For what is left of a body whose request is answered already; nobody reads it."""
    taking_seconds: float = 30.0
    """How long an answer may wait for a caller that does not read on."""
    connections: int = 1024
    """One more takes the place of the one that control has waited for the longest."""


BOUNDS = Bounds()


class Awaited(Enum):
    """What control waits for its caller to do on a connection."""

    HEAD = "send a request"
    BODY = "send a body"
    NEXT = "send another request, or none"
    REST = "send the rest of a body"
    TAKING = "read the answer"
    NOTHING = "nothing: it is control's turn"


class Connections(ServerState):
    """uvicorn's state of all connections, and which of them wait for their callers."""

    def __init__(self, bounds: Bounds) -> None:
        super().__init__()
        self.bounds = bounds
        self.log = logging.getLogger("uvicorn.error.callers")
        # What anybody may send is no event: only faults of our own are.
        self.log.setLevel(logging.ERROR)
        self._waiting: dict[BoundedProtocol, None] = {}
        self._sending: dict[BoundedProtocol, None] = {}

    def note(self, connection: BoundedProtocol, awaited: Awaited) -> None:
        """What the connection waits for from now on."""
        self._waiting.pop(connection, None)
        self._sending.pop(connection, None)
        if awaited is Awaited.BODY:
            self._sending[connection] = None
        elif awaited is not Awaited.NOTHING:
            self._waiting[connection] = None

    def longest_waiting(self) -> BoundedProtocol | None:
        """The one that gives way first: of those with a body on its way, whose callers have shares, only if need be."""
        return next(iter(self._waiting), None) or next(iter(self._sending), None)


class BoundedProtocol(H11Protocol):
    """One connection within the bounds of its `Connections`; what is beyond them is refused or cut off."""

    def __init__(
        self,
        config: Config,
        server_state: Connections,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._all = server_state
        self._bounds = server_state.bounds
        self.logger = server_state.log
        self._heads = _BoundedHeads(self._bounds)
        self.conn = self._heads
        self._awaited = Awaited.NOTHING
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if len(self.connections) > self._bounds.connections:
            (self._all.longest_waiting() or self)._cut_off()
        if not transport.is_closing():
            self._await(Awaited.HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        self._await(Awaited.NOTHING)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._await(self._turn())

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await(self._turn_after_answer())

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await(Awaited.TAKING)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._await(self._turn_after_answer())

    def timeout_keep_alive_handler(self) -> None:
        # Closing would wait for an answer to be read that has had its time.
        self._cut_off()

    def send_400_response(self, msg: str) -> None:
        del msg
        self._refuse(self._heads.refusal or InvalidRequest("what came is not a request of HTTP/1.1"))

    def _turn(self) -> Awaited:
        if self.transport.is_closing() or self.flow.write_paused:
            return Awaited.TAKING
        if self.conn.their_state is h11.IDLE:
            return Awaited.HEAD
        if self.conn.their_state is h11.SEND_BODY:
            return Awaited.REST if self.cycle.response_complete else Awaited.BODY
        return Awaited.NOTHING

    def _turn_after_answer(self) -> Awaited:
        turn = self._turn()
        return Awaited.NEXT if turn is Awaited.HEAD and not self.conn.trailing_data[0] else turn

    def _await(self, awaited: Awaited) -> None:
        if awaited is self._awaited:
            return
        self._awaited = awaited
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._all.note(self, awaited)
        rows: dict[Awaited, tuple[float, Callable[[], None]]] = {
            Awaited.HEAD: (self._bounds.head_seconds, self._end_head),
            Awaited.REST: (self._bounds.rest_seconds, self._cut_off),
            Awaited.TAKING: (self._bounds.taking_seconds, self._cut_off),
        }
        # For the next request uvicorn itself has a timer, and whoever reads a body has one for that.
        if awaited in rows:
            self._deadline = self.loop.call_later(*rows[awaited])

    def _end_head(self) -> None:
        if not self.conn.trailing_data[0]:
            self._cut_off()
            return
        self._refuse(
            RequestTimeout(
                f"the request's head did not come whole within {self._bounds.head_seconds:g} seconds"
            )
        )

    def _refuse(self, error: TurnpikeError) -> None:
        """Answer with the error's problem document, where there is no answer yet, and end the connection."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self._cut_off()
            return
        if self.conn.our_state is h11.SEND_RESPONSE and isinstance(self.cycle, RequestResponseCycle):
            # The app waits for a body that is broken: whatever it answers, nobody is to see it.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        response = problem_response(error, {"connection": "close", "cache-control": "no-store"})
        head = h11.Response(
            status_code=response.status_code,
            headers=response.raw_headers,
            reason=HTTPStatus(response.status_code).phrase.encode(),
        )
        for event in (head, h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        self._await(Awaited.TAKING)

    def _cut_off(self) -> None:
        self._await(Awaited.NOTHING)
        self.transport.abort()


class _BoundedHeads(h11.Connection):
    """h11's side of a server that takes no larger head, and knows why it refused one."""

    def __init__(self, bounds: Bounds) -> None:
        super().__init__(h11.SERVER, bounds.head_bytes)
        self._bounds = bounds
        self.refusal: TurnpikeError | None = None

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as fault:
            if fault.error_status_hint == HeadersTooLarge.http_status:
                self.refusal = self._too_large()
            raise
        if isinstance(event, h11.Request):
            self.refusal = self._too_large() if self._is_beyond(event) else _framing_fault(event)
            if self.refusal is not None:
                raise h11.RemoteProtocolError("the head is refused", self.refusal.http_status)
        return event

    def _is_beyond(self, request: h11.Request) -> bool:
        # h11 looks at the size of a head in parts alone; one may come whole in a piece.
        fields = sum(len(name) + len(value) + len(": \r\n") for name, value in request.headers)
        size = len(request.method) + len(request.target) + fields
        return size > self._bounds.head_bytes or len(request.headers) > self._bounds.header_lines

    def _too_large(self) -> HeadersTooLarge:
        return HeadersTooLarge(
            f"control takes a request's head of at most {self._bounds.head_bytes} bytes and"
            f" {self._bounds.header_lines} header lines: send fewer or shorter headers"
        )


def _framing_fault(request: h11.Request) -> TurnpikeError | None:
    """What another server on the way may read otherwise than h11 does (RFC 9112, 6.1), None where there is nothing."""
    if request.http_version not in (b"1.1", b"1.0"):
        return InvalidRequest("control speaks HTTP/1.1 (and 1.0)")
    names = {name for name, _ in request.headers}
    if b"transfer-encoding" not in names:
        return None
    if b"content-length" in names:
        return InvalidRequest("a request has a transfer-encoding or a content-length, not both")
    if request.http_version == b"1.0":
        return InvalidRequest("a transfer-encoding is of HTTP/1.1")
    return None
