"""`python -m bench.hot`: processor time of a call inside the worker's process, without a socket.

The gateway's own parts are put together as a worker puts them; in place of sockets, the bytes of a caller and of a
provider are handed to its connections. What the kernel and the event loop's reading and writing cost is left out, and so
is most of what makes other measurements swing: it judges a change to the hot path on a machine that does other work.
`--bytecodes` counts the interpreter's instructions instead, function by function: a figure that no other work can move.
"""

import argparse
import asyncio
import gc
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import uvloop

from bench.bytecodes import BytecodeCount
from bench.figures import median_of
from bench.stream_upstream import REPLY
from bench.wire import CHAT_PATH, PLAIN_MODEL, chat_body, post
from turnpike.adapters.sealing.seal import MASTER_KEY_BYTES, MasterKeySeal
from turnpike.adapters.system.clock import SystemClock
from turnpike.adapters.system.randomness import SystemRandomness
from turnpike.domain.principal import Principal
from turnpike.domain.snapshot import Access, Key, Model, Provider, Secret, Snapshot, Target
from turnpike.gateway.aside import Aside
from turnpike.gateway.call_ids import CallIds
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.dispatch import Dispatcher
from turnpike.gateway.edge.connection import Connection
from turnpike.gateway.edge.limits import EdgeLimits
from turnpike.gateway.edge.server import Server, Site
from turnpike.gateway.fault_log import FaultLog
from turnpike.gateway.gate import Gate
from turnpike.gateway.idempotency.folder import Folder
from turnpike.gateway.idempotency.keys import IdempotencyKeys
from turnpike.gateway.idempotency.recording import Memory
from turnpike.gateway.kept.responses import KeptResponses
from turnpike.gateway.listing import Listings
from turnpike.gateway.metrics.layout import Reading
from turnpike.gateway.metrics.shared import SharedMetrics
from turnpike.gateway.pipeline import Road
from turnpike.gateway.provision import Provisioner
from turnpike.gateway.router import Router
from turnpike.gateway.upstream.connection import UpstreamConnection
from turnpike.ports.sealing import KEY_PURPOSE, Seal
from turnpike.providers.table import PROVIDERS

KEY = "bench-of-the-hot-path-0001"
PROVIDER = "plain"
SDK_HEADERS = {
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
    "Accept": "application/json",
    "User-Agent": "OpenAI/Python 2.8.0",
    "X-Stainless-Lang": "python",
    "X-Stainless-Package-Version": "2.8.0",
    "X-Stainless-OS": "Linux",
    "X-Stainless-Arch": "x64",
    "X-Stainless-Runtime": "CPython",
    "X-Stainless-Runtime-Version": "3.11.7",
    "X-Stainless-Async": "false",
    "x-stainless-retry-count": "0",
    "x-stainless-read-timeout": "600",
}


def main() -> None:
    """Prints the processor time of a call in microseconds, round by round and the median."""
    parser = argparse.ArgumentParser(prog="python -m bench.hot", description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000, help="in a round")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--sdk", action="store_true", help="send the headers that OpenAI's SDK sends")
    parser.add_argument(
        "--bytecodes", action="store_true", help="count bytecodes in place of time, in one round"
    )
    options = parser.parse_args()
    count = BytecodeCount() if options.bytecodes else None
    with tempfile.TemporaryDirectory(prefix="turnpike-bench-") as folder:
        bench = _Bench(Path(folder), options.connections, SDK_HEADERS if options.sdk else {}, count)
        rounds = uvloop.run(bench.run(options.calls, options.rounds))
    if count is not None:
        print(count.table(options.calls))
        return
    print(" ".join(f"{each:.2f}" for each in rounds))
    print(f"{median_of(rounds):.2f} µs of processor time a call, lowest {min(rounds):.2f}")


class _Bench:
    def __init__(
        self, folder: Path, connections: int, headers: dict[str, str], count: BytecodeCount | None
    ) -> None:
        self._folder = folder
        self._connections = connections
        self._count = count
        self._request = post(
            CHAT_PATH,
            "127.0.0.1:8080",
            {"Authorization": f"Bearer {KEY}", **headers},
            chat_body(PLAIN_MODEL),
        )

    async def run(self, calls: int, rounds: int) -> list[float]:
        """Microseconds of processor time a call, for each round after one that warms up."""
        deadlines, seal = Deadlines(), MasterKeySeal(os.urandom(MASTER_KEY_BYTES), SystemRandomness())
        deadlines.start()
        gate = Gate(self._connections)
        serving = await Provisioner(PROVIDERS, seal, deadlines).provision(_snapshot(seal), None)
        gate.serving = serving
        pool = serving.pools[PROVIDER]
        for _ in range(self._connections):
            upstream = UpstreamConnection(pool)
            upstream.connection_made(_Provider(upstream))
            pool.give_back(upstream)
        metrics = SharedMetrics(self._folder / "run", 0, _no_gauges)
        server = self._server(gate, metrics, deadlines, seal)
        async with asyncio.TaskGroup() as group:
            server.take_tasks_to(group)
            callers = [_Caller(self._request) for _ in range(self._connections)]
            for caller in callers:
                caller.join(Connection(server))
            gc.collect()
            gc.freeze()
            taken = [await _round(callers, calls) for _ in range(rounds + 1)]
            if self._count is not None:
                with self._count:
                    await _round(callers, calls)
            for caller in callers:
                caller.leave()
        deadlines.stop()
        metrics.close()
        return taken[1:]

    def _server(self, gate: Gate, metrics: SharedMetrics, deadlines: Deadlines, seal: Seal) -> "_Edge":
        clock = SystemClock()
        road = Road(
            gate=gate,
            dispatcher=Dispatcher(clock),
            kept=KeptResponses(self._folder / "responses", 0, clock),
            aside=Aside(),
            keys=IdempotencyKeys(Folder(self._folder / "idempotency", seal, clock), seal, Memory()),
            metrics=metrics,
            faults=FaultLog(),
            clock=clock,
            next_call_id=CallIds(clock, SystemRandomness()).next,
        )
        router = Router(road, Listings(), frozenset())
        return _Edge(Site(router, router.render_error, router.admit), EdgeLimits(), clock, deadlines)


async def _round(callers: list["_Caller"], calls: int) -> float:
    each = calls // len(callers)
    began = time.process_time_ns()
    await asyncio.gather(*(caller.call(each) for caller in callers))
    return (time.process_time_ns() - began) / 1e3 / (each * len(callers))


class _Wire(asyncio.Transport):
    """A transport over nothing: what is written is told to `_answer` in the loop's next turn."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._loop.call_soon(self._answer, data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def _answer(self, data: bytes | bytearray | memoryview) -> None:
        raise NotImplementedError

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        return

    def is_closing(self) -> bool:
        return self._closing

    def abort(self) -> None:
        self._closing = True


class _Provider(_Wire):
    """The other end of a connection upstream: one answer to whatever is asked."""

    def __init__(self, connection: UpstreamConnection) -> None:
        super().__init__()
        self._connection = connection

    def _answer(self, data: bytes | bytearray | memoryview) -> None:
        self._connection.data_received(REPLY)


class _Caller(_Wire):
    """The other end of a caller's connection: the next request once the answer is there."""

    def __init__(self, request: bytes) -> None:
        super().__init__()
        self._request = request
        self._left = 0
        self._connection: Connection | None = None
        self._done: asyncio.Future[None] | None = None

    def join(self, connection: Connection) -> None:
        self._connection = connection
        connection.connection_made(self)

    def leave(self) -> None:
        if self._connection is not None:
            self._connection.connection_lost(None)

    async def call(self, times: int) -> None:
        self._left = times
        self._done = self._loop.create_future()
        self._ask()
        await self._done

    def _answer(self, data: bytes | bytearray | memoryview) -> None:
        if not bytes(data[:12]) == b"HTTP/1.1 200":
            raise RuntimeError(f"not a success: {bytes(data[:600])!r}")
        self._left -= 1
        if self._left:
            self._ask()
        elif self._done is not None:
            self._done.set_result(None)

    def _ask(self) -> None:
        if self._connection is not None:
            self._connection.data_received(self._request)


class _Edge(Server):
    """A server that does not listen."""

    def take_tasks_to(self, group: asyncio.TaskGroup) -> None:
        self._group = group


def _snapshot(seal: Seal) -> Snapshot:
    secret = Secret(seal.digest(KEY.encode(), KEY_PURPOSE))
    return Snapshot(
        "bench",
        1,
        0,
        "bench",
        providers=(Provider(PROVIDER, "openai-compatible", "http://127.0.0.1:1/v1"),),
        models=(Model(PLAIN_MODEL, (Target(PROVIDER, PLAIN_MODEL),)),),
        keys=(Key("bench", Principal("bench", "bench", key="bench"), (secret,), Access((("*",),))),),
    )


def _no_gauges() -> tuple[Reading, ...]:
    return ()


if __name__ == "__main__":
    main()
