"""What a worker has open and under way at a moment."""

from __future__ import annotations

from collections.abc import Iterator

from turnpike.gateway.edge.server import Server
from turnpike.gateway.gate import Gate
from turnpike.gateway.metrics.layout import Reading
from turnpike.gateway.metrics.table import (
    BUFFERED_BYTES,
    CALLS_IN_FLIGHT,
    CONNECTIONS,
    SNAPSHOT_INFO,
    UPSTREAM_CONNECTIONS,
)


def read_gauges(gate: Gate, server: Server) -> Iterator[Reading]:
    """The gauges of one worker, now."""
    yield Reading(CALLS_IN_FLIGHT.name, (), gate.in_flight)
    yield Reading(CONNECTIONS.name, (), server.connections)
    yield Reading(BUFFERED_BYTES.name, (), server.buffered_bytes)
    serving = gate.serving
    if serving is None:
        return
    yield Reading(SNAPSHOT_INFO.name, (serving.snapshot.version,), 1)
    for provider, pool in serving.pools.items():
        is_open, idle = pool.connections
        yield Reading(UPSTREAM_CONNECTIONS.name, (provider, "busy"), is_open - idle)
        yield Reading(UPSTREAM_CONNECTIONS.name, (provider, "idle"), idle)
