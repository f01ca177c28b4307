"""TLS handshakes under way at the edge: bounded in number and time, and counted before they are done.

The event loop's own TLS listener tells of a connection only once its handshake is over: one who
connects and says nothing would be counted nowhere. Here connections are taken plainly, and TLS begins
on each by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from functools import partial
from socket import socket
from typing import cast

from turnpike.gateway.edge.house import House
from turnpike.gateway.edge.limits import TURNED_AWAY_AT_ONCE


class Handshakes:
    """Those of one server; `len` is how many are under way.

    `tls` gives the context for a handshake that begins, `make` what speaks when one is done.
    """

    def __init__(
        self, house: House, tls: Callable[[], ssl.SSLContext], make: Callable[[], asyncio.Protocol]
    ) -> None:
        self._house = house
        self._tls = tls
        self._make = make
        self._loop = asyncio.get_running_loop()
        self._under_way: dict[socket, asyncio.Task[None]] = {}
        """The oldest first."""

    def __len__(self) -> int:
        return len(self._under_way)

    def arrival(self) -> asyncio.Protocol:
        """What takes a connection as it comes."""
        return _Arrival(self)

    def begin(self, caller: socket) -> None:
        """Shake hands; where there are too many, in place of the oldest, which may be silent for good."""
        limits = self._house.limits
        if self._house.overcrowding >= TURNED_AWAY_AT_ONCE:
            caller.close()
            return
        if len(self._under_way) >= limits.handshakes:
            self._give_up(next(iter(self._under_way)))
        self._under_way[caller] = self._house.spawn(partial(self._shake_hands, caller))

    def give_up_all(self) -> None:
        """Wait for none of them any longer."""
        for caller in tuple(self._under_way):
            self._give_up(caller)

    def _give_up(self, caller: socket) -> None:
        # The task may not have begun; where it has, the transport lets go of the socket when it is cancelled.
        task = self._under_way.pop(caller)
        caller.close()
        task.cancel()

    async def _shake_hands(self, caller: socket) -> None:
        def done() -> asyncio.Protocol:
            return _Greeting(self, caller, self._make)

        limits = self._house.limits
        try:
            # No TLS, none that we speak, none in time, or gone: the close says all that there is to say.
            with contextlib.suppress(OSError):
                await self._loop.connect_accepted_socket(
                    done,
                    caller,
                    ssl=self._tls(),
                    ssl_handshake_timeout=limits.head_seconds,
                    ssl_shutdown_timeout=limits.linger_seconds,
                )
        finally:
            self.end(caller)

    def end(self, caller: socket) -> None:
        """It is over; what comes of it is counted by others."""
        self._under_way.pop(caller, None)


class _Arrival(asyncio.Protocol):
    """Takes the socket away from the listener before a byte of it is read."""

    def __init__(self, handshakes: Handshakes) -> None:
        self._handshakes = handshakes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """What is closed here is the listener's own descriptor; the connection lives on in its copy."""
        plain = cast("asyncio.Transport", transport)
        try:
            caller = plain.get_extra_info("socket").dup()
        except OSError:  # No descriptor is free.
            return
        finally:
            plain.abort()
        caller.settimeout(0)
        self._handshakes.begin(caller)


class _Greeting(asyncio.Protocol):
    """Stands in until the handshake is done, so that nothing is made for those who never end theirs."""

    def __init__(self, handshakes: Handshakes, caller: socket, make: Callable[[], asyncio.Protocol]) -> None:
        self._handshakes = handshakes
        self._caller = caller
        self._make = make

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """From here on the connection speaks for itself, and is counted as one that is open."""
        self._handshakes.end(self._caller)
        connection = self._make()
        cast("asyncio.Transport", transport).set_protocol(connection)
        connection.connection_made(transport)
