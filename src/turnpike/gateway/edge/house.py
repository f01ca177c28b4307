"""What a connection asks of the server that it belongs to."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from turnpike.gateway.deadlines import Deadlines, Limited
from turnpike.gateway.edge.limits import EdgeLimits, Phase
from turnpike.gateway.edge.reader import Refusal
from turnpike.ports.clock import Clock
from turnpike.ports.http import Reply, Request

Work = Callable[[], Coroutine[Any, Any, None]]
"""What a task does once it begins; one that is cancelled before that has made nothing."""

RenderedError = tuple[int, bytes, bytes]
"""Status, header lines and body."""


class Guest(Limited):
    """A connection as its server sees it."""

    __slots__ = ()

    @abstractmethod
    def abort(self) -> None:
        """Cut it."""

    @abstractmethod
    def close_if_idle(self) -> None:
        """Hang up unless a request is in hand or coming in."""

    @abstractmethod
    def left(self) -> None:
        """The caller has closed its side, which was seen though nothing is read from it."""


class House(Protocol):
    """Limits, time and the application, shared by all connections of one server.

    phase_seconds: how long each phase of a connection may take. buffered_bytes: bodies in hand, over all
    connections. date: the value of the date header.
    """

    limits: EdgeLimits
    phase_seconds: dict[Phase, float]
    clock: Clock
    deadlines: Deadlines
    buffered_bytes: int
    draining: bool
    date: bytes
    now: Callable[[], float]
    future: Callable[[], asyncio.Future[None]]

    @property
    def overcrowding(self) -> int:
        """By how many there are more connections than the limit."""

    def opened(self, connection: Guest) -> None:
        """A connection is there."""

    def closed(self, connection: Guest) -> None:
        """A connection is gone."""

    def spawn(self, work: Work, connection: Guest | None = None) -> asyncio.Task[None]:
        """Run a connection's task; a fault of ours in it is logged, and ends that connection alone."""

    def watch(self, connection: Guest, transport: asyncio.BaseTransport) -> None:
        """Look now and then whether the caller has left: nothing is read from this transport for now."""

    def watch_no_more(self, connection: Guest) -> None:
        """The connection is read from again, or is gone."""

    def admit(self, head: Request) -> None:
        """Raises the TurnpikeError that speaks against taking in the body which is to follow this head."""

    async def answer(self, request: Request, reply: Reply) -> None:
        """Have the application answer; never raises but when cancelled."""

    def render_refusal(self, refusal: Refusal) -> RenderedError:
        """The answer to what could not be read as a request."""
