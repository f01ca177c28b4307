"""The stream measurements, each a child process on the load's core."""

import sys
import tempfile

import msgspec

from bench.gateways import Gateway
from bench.processes import BenchError, Cores, run
from bench.stream_load import OPEN_SECONDS, StreamFault, StreamPlan, StreamResult

RELAY_STREAMS = 256
BULK_STREAMS = 8
PACED_STREAMS = 5000
PACED_EVENTS_PER_SECOND = 5.0
MARGIN_SECONDS = 40.0


def relay(gateway: Gateway, upstream_port: int, cores: Cores, seconds: float) -> StreamResult:
    """Events passed on when each has a TCP segment of its own and the next one waits for it."""
    return _measure(_plan("relay", gateway, upstream_port, RELAY_STREAMS, seconds), cores)


def bulk(gateway: Gateway, upstream_port: int, cores: Cores, seconds: float) -> StreamResult:
    """Events passed on when the upstream writes as fast as the gateway takes them."""
    return _measure(_plan("bulk", gateway, upstream_port, BULK_STREAMS, seconds), cores)


def paced(gateway: Gateway, upstream_port: int, cores: Cores, seconds: float, streams: int) -> StreamResult:
    """Delay and memory with many streams at once, each at the pace of a model that writes."""
    return _measure(_plan("paced", gateway, upstream_port, streams, seconds), cores)


def first(gateway: Gateway, upstream_port: int, cores: Cores, seconds: float) -> StreamResult:
    """Delay of the first event of a stream on a machine that is otherwise idle."""
    return _measure(_plan("first", gateway, upstream_port, 1, seconds), cores)


def _plan(mode: str, gateway: Gateway, upstream_port: int, streams: int, seconds: float) -> StreamPlan:
    return StreamPlan(
        mode=mode,
        port=gateway.stream_port,
        upstream_port=upstream_port,
        model=gateway.stream_model,
        headers=gateway.stream_headers,
        worker_pids=gateway.worker_pids,
        streams=streams,
        events_per_second=PACED_EVENTS_PER_SECOND,
        seconds=seconds,
        path=gateway.path,
    )


def _measure(plan: StreamPlan, cores: Cores) -> StreamResult:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(msgspec.json.encode(plan))
        file.flush()
        command = [sys.executable, "-m", "bench.stream_load", file.name]
        printed = run(command, plan.seconds + OPEN_SECONDS + MARGIN_SECONDS, cores.load)
    result = msgspec.json.decode(printed, type=StreamResult | StreamFault)
    if isinstance(result, StreamFault):
        raise BenchError(f"streams ({plan.mode}): {result.words}")
    return result
