"""A limit on everything that comes from outside, each with a name."""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec

from turnpike.gateway.deadlines import NEVER

WRITE_HIGH_BYTES: Final = 262_144
WRITE_LOW_BYTES: Final = 65_536
"""An answer waits for its caller once more than the one is unsent, until less than the other is."""

FEED_BYTES: Final = 16_384
"""Read at once: what the network hands over may hold thousands of small requests."""

TURNED_AWAY_AT_ONCE: Final = 256
"""Connections over the limit that are told so; beyond these they are cut."""


class Phase(Enum):
    """What a connection waits for, each with a limit of time of its own but for an answer, which others bound."""

    IDLE = "a request"
    HEAD = "the rest of a head"
    BODY = "the rest of a body"
    BUSY = "an answer"
    STALLED = "a caller that does not read"
    LINGERING = "the end of a caller that was refused"
    CLOSING = "the last bytes to leave"


class EdgeLimits(msgspec.Struct, frozen=True):
    """What one worker's edge takes before it refuses.

    head_bytes: request line and headers of one request together.
    header_count: header lines of one request.
    body_bytes: one body, unpacked or packed, whichever is larger.
    buffered_bytes: all bodies in hand at once, over all connections of the worker.
    head_seconds: from a request's first byte to its last header.
    body_seconds: from the last header to the last byte of the body.
    idle_seconds: an open connection with nothing to do.
    stall_seconds: a caller that does not read what it asked for.
    connections: open at once in one worker, those in their TLS handshake among them.
    handshakes: of TLS under way at once in one worker; beyond, the oldest gives way.
    requests_per_connection: after so many the connection is closed in good order.
    pipelined_requests: waiting on one connection before no more is read from it.
    calls_in_flight: at once in one worker.
    linger_seconds: how long a refused caller may go on sending before it is cut off.
    """

    head_bytes: int = 65_536
    header_count: int = 128
    body_bytes: int = 67_108_864
    buffered_bytes: int = 1_073_741_824
    head_seconds: float = 10.0
    body_seconds: float = 120.0
    idle_seconds: float = 75.0
    stall_seconds: float = 60.0
    connections: int = 20_000
    handshakes: int = 4_096
    requests_per_connection: int = 1_000_000
    pipelined_requests: int = 16
    calls_in_flight: int = 10_000
    linger_seconds: float = 2.0

    def phase_seconds(self) -> dict[Phase, float]:
        """How long each phase of a connection may take."""
        return {
            Phase.IDLE: self.idle_seconds,
            Phase.HEAD: self.head_seconds,
            Phase.BODY: self.body_seconds,
            Phase.BUSY: NEVER,
            Phase.STALLED: self.stall_seconds,
            Phase.LINGERING: self.linger_seconds,
            Phase.CLOSING: self.stall_seconds,
        }
