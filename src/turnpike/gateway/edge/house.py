"""What a connection asks of the server that it belongs to."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from turnpike.gateway.deadlines import Deadlines, Limited
from turnpike.gateway.edge.limits import EdgeLimits, Phase
from turnpike.gateway.edge.reader import Incoming, Refusal
from turnpike.ports.clock import Clock
from turnpike.ports.http import Reply, Request

Work = Callable[[], Coroutine[Any, Any, None]]
"""What a task does once it begins; one that is cancelled before that has made nothing."""

RenderedError = tuple[int, bytes, bytes]
"""Status, header lines and body."""


class Guest(Limited, Reply):
    """A connection as its server sees it: the requests that have come, and the reply to the one that is taken up."""

    __slots__ = ()

    queue: deque[Incoming | Refusal]
    """What has come and is not taken up."""

    begun: bool

    @abstractmethod
    def more(self) -> asyncio.Future[None]:
        """What is done once there is something to take up."""

    @abstractmethod
    def take_up(self) -> Request | None:
        """The next request that has come, to be answered by this; None where a refusal was the last of all answers."""

    @abstractmethod
    def put_down(self, request: Request) -> None:
        """Its answer is over, or nobody waits for it any longer."""

    @abstractmethod
    def go_on(self) -> bool:
        """After an answer: whether the connection serves another request."""

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

    def serve(self, connection: Guest) -> asyncio.Task[None]:
        """Answer the connection's requests, one after the other, in a task of its own."""

    def spawn(self, work: Work) -> asyncio.Task[None]:
        """Run what leads to a connection; a fault of ours in it is logged, and ends that alone."""

    def watch(self, connection: Guest, transport: asyncio.BaseTransport) -> None:
        """Look now and then whether the caller has left: nothing is read from this transport for now."""

    def watch_no_more(self, connection: Guest) -> None:
        """The connection is read from again, or is gone."""

    def admit(self, head: Request) -> None:
        """Raises the TurnpikeError that speaks against taking in the body which is to follow this head."""

    def render_refusal(self, refusal: Refusal) -> RenderedError:
        """The answer to what could not be read as a request."""
