"""Connections to one provider, kept open between calls."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.upstream.connection import CLOSED, UpstreamConnection
from turnpike.gateway.upstream.dial import Dialler
from turnpike.ports.upstream import Patience, Unreached

IDLE_SECONDS: Final = 30.0
"""Shorter than what servers usually grant, so that theirs rarely closes under a request of ours."""

CONNECTIONS_MAX: Final = 16_384
"""Open, or being opened, at once to one provider from one worker."""

IDLE_MAX: Final = 1024


class Pool:
    """The `Channel` to one provider's address."""

    def __init__(self, dialler: Dialler, deadlines: Deadlines) -> None:
        loop = asyncio.get_running_loop()
        self._dialler = dialler
        self.deadlines = deadlines
        self.now: Callable[[], float] = loop.time
        self.future: Callable[[], asyncio.Future[None]] = loop.create_future
        self._idle: deque[UpstreamConnection] = deque()
        self._open: set[UpstreamConnection] = set()
        self._dials = 0
        self._closed = False

    async def send(self, head: bytes, body: bytes, patience: Patience) -> UpstreamConnection:
        """Send a request on a connection of the pool, or a new one. Raises as `Channel.send`."""
        while True:
            kept = self._take()
            connection = kept or await self._dial(patience)
            try:
                connection.send(head, body, patience)
                while not connection.has_head:
                    await connection.more()
                return connection
            except Unreached:
                # It had died while it lay idle, before the request came: the next one may live.
                connection.leave()
                if kept is None:
                    raise
            except BaseException:
                connection.leave()
                raise

    def _take(self) -> UpstreamConnection | None:
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.is_usable:
                return connection
            connection.cut()
        return None

    async def _dial(self, patience: Patience) -> UpstreamConnection:
        if len(self._open) + self._dials >= CONNECTIONS_MAX:
            full = f"{CONNECTIONS_MAX} connections to this provider are open already"
            raise Unreached(f"{full}.", told=full)
        within = min(patience.connect_seconds, patience.first_content_at - self.now())
        if within <= 0:
            late = "the call's time limit has passed"
            raise Unreached(f"{late}.", told=late, timed_out=True)
        self._dials += 1
        try:
            connection = await self._dialler.dial(lambda: UpstreamConnection(self), within)
        finally:
            self._dials -= 1
        if connection.is_usable:
            self._open.add(connection)
            return connection
        connection.cut()
        raise Unreached("The provider closed the connection at once.", told=CLOSED)

    def give_back(self, connection: UpstreamConnection) -> None:
        """A connection is free again."""
        if self._closed or len(self._idle) >= IDLE_MAX:
            connection.cut()
            return
        connection.idle_since = self.now()
        self._idle.append(connection)
        self.deadlines.limit(connection, connection.idle_since + IDLE_SECONDS)

    def lost(self, connection: UpstreamConnection) -> None:
        """A connection is no more."""
        self._open.discard(connection)
        self.deadlines.forget(connection)
        if not connection.busy and connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """Keep nothing: idle connections close now, others when their call is over.

        A call that was planned before may still go out; what it is sent on closes behind it.
        """
        self._closed = True
        while self._idle:
            self._idle.pop().cut()

    @property
    def connections(self) -> tuple[int, int]:
        """How many are open, and how many of those idle."""
        return len(self._open), len(self._idle)
