"""Streams through a gateway, with upstream and readers in this one process; run as a child, prints one JSON line.

Times compared are taken by one clock in one process, and each event can answer the one before it, so that no event
shares a TCP segment with another and no queue builds up unseen.
"""

import argparse
import asyncio
import gc
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from bench.figures import Spread, scaled, spread
from bench.processes import BenchError, cpu_seconds, raise_descriptor_limit, rss_bytes
from bench.stream_upstream import UpstreamConnection
from bench.wire import CHAT_PATH, EVENT_MARK, post, stamped_event, stamps_in, stream_body

OPEN_BATCH = 50
OPEN_SECONDS = 60.0
SETTLE_SECONDS = 2.0
FIRST_EVENT_DELAY_SECONDS = 0.002
BULK_EVENTS = 16
NANOSECONDS_TO_MILLISECONDS = 1e-6
SUCCESS = b"HTTP/1.1 200"
LAST_CHUNK = b"0\r\n\r\n"


class StreamPlan(msgspec.Struct, frozen=True):
    """What one run of streams is to do; read from the command line as JSON."""

    mode: str
    port: int
    upstream_port: int
    model: str
    headers: dict[str, str]
    worker_pids: list[int]
    streams: int = 1
    events_per_second: float = 5.0
    seconds: float = 5.0
    path: str = CHAT_PATH


class StreamFault(msgspec.Struct, frozen=True, tag="fault"):
    """Why a run of streams could not measure."""

    words: str


class StreamResult(msgspec.Struct, frozen=True, tag="result"):
    """What one run of streams measured; delays from upstream's write to the reader's read, in milliseconds."""

    mode: str
    streams: int
    answered: int
    events: int
    seconds: float
    delay_ms: Spread | None
    worker_cpu_seconds: float
    worker_growth_bytes: int

    @property
    def rate(self) -> float:
        """Events per second that the readers got."""
        return self.events / self.seconds


class Reader(asyncio.Protocol):
    """One client that reads one stream at a time."""

    def __init__(
        self,
        index: int,
        request: bytes,
        on_data: Callable[["Reader", bytes], None],
        on_refusal: Callable[[bytes], None],
    ) -> None:
        self.index = index
        self.answered = False
        self._request = request
        self._on_data = on_data
        self._on_refusal = on_refusal
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.ask()

    def ask(self) -> None:
        """Sends the request for a stream."""
        if self._transport is not None:
            self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.answered:
            self.answered = EVENT_MARK in data
            if not data.startswith(SUCCESS) and not self.answered:
                self._on_refusal(data)
        self._on_data(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def close(self) -> None:
        """Ends the connection."""
        if self._transport is not None:
            self._transport.close()


class StreamLoad:
    """Upstream and readers of one run; `measure` drives them and says what came of it."""

    def __init__(self, plan: StreamPlan) -> None:
        self._plan = plan
        self._readers: list[Reader] = []
        self._peers: dict[int, UpstreamConnection] = {}
        self._running = False
        self._counting = False
        self._events = 0
        self._turn = 0
        self._delays_ns: list[int] = []
        self._refusal = b""
        self._first_done = asyncio.Event()

    async def measure(self) -> StreamResult:
        """Opens all streams, lets them settle, measures for the planned time, and ends them."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: UpstreamConnection(self._stream_asked),
            "127.0.0.1",
            self._plan.upstream_port,
            backlog=4096,
        )
        self._running = True
        memory_before = self._worker_memory()
        try:
            await self._open()
            if self._plan.mode == "first":
                return await self._first_events()
            return await self._steady(memory_before)
        finally:
            self._running = False
            for peer in self._peers.values():
                peer.write_end()
            for reader in self._readers:
                reader.close()
            server.close()

    async def _open(self) -> None:
        deadline = asyncio.get_running_loop().time() + OPEN_SECONDS
        for index in range(self._plan.streams):
            self._readers.append(await self._reader(index))
            if index % OPEN_BATCH == OPEN_BATCH - 1:
                await self._answered(index + 1, deadline)
        await self._answered(self._plan.streams, deadline)

    async def _reader(self, index: int) -> Reader:
        host = f"127.0.0.1:{self._plan.port}"
        request = post(self._plan.path, host, self._plan.headers, stream_body(self._plan.model, index))
        on_data = {"relay": self._relay, "bulk": self._count, "paced": self._stamp, "first": self._first}
        reader = Reader(index, request, on_data[self._plan.mode], self._refused)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: reader, "127.0.0.1", self._plan.port)
        return reader

    async def _answered(self, count: int, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        while sum(reader.answered for reader in self._readers) < count:
            if self._refusal:
                raise BenchError(f"a stream was answered with {_in_one_line(self._refusal)}")
            if loop.time() > deadline:
                raise BenchError(f"not all of {count} streams began within {OPEN_SECONDS:.0f} s")
            await asyncio.sleep(0.005)

    async def _steady(self, memory_before: int) -> StreamResult:
        if self._plan.mode == "paced":
            self._pace(time.perf_counter_ns(), 0)
        await asyncio.sleep(SETTLE_SECONDS)
        cpu_before, started_ns = self._worker_cpu(), time.perf_counter_ns()
        self._counting = True
        await asyncio.sleep(self._plan.seconds)
        self._counting = False
        seconds = (time.perf_counter_ns() - started_ns) / 1e9
        cpu_used, memory_after = self._worker_cpu() - cpu_before, self._worker_memory()
        return self._result(seconds, cpu_used, memory_after - memory_before)

    async def _first_events(self) -> StreamResult:
        started_ns, cpu_before = time.perf_counter_ns(), self._worker_cpu()
        self._counting = True
        while time.perf_counter_ns() - started_ns < self._plan.seconds * 1e9:
            await asyncio.wait_for(self._first_done.wait(), OPEN_SECONDS)
            self._first_done.clear()
            self._readers[0].ask()
        self._counting = False
        seconds = (time.perf_counter_ns() - started_ns) / 1e9
        return self._result(seconds, self._worker_cpu() - cpu_before, 0)

    def _result(self, seconds: float, cpu_used: float, growth_bytes: int) -> StreamResult:
        answered = sum(reader.answered for reader in self._readers)
        delays = scaled(spread(self._delays_ns), NANOSECONDS_TO_MILLISECONDS) if self._delays_ns else None
        return StreamResult(
            mode=self._plan.mode,
            streams=self._plan.streams,
            answered=answered,
            events=self._events,
            seconds=seconds,
            delay_ms=delays,
            worker_cpu_seconds=cpu_used,
            worker_growth_bytes=growth_bytes,
        )

    def _refused(self, data: bytes) -> None:
        self._refusal = self._refusal or data[:600]

    def _stream_asked(self, peer: UpstreamConnection, index: int) -> None:
        self._peers[index] = peer
        if self._plan.mode == "first":
            asyncio.get_running_loop().call_later(FIRST_EVENT_DELAY_SECONDS, self._answer_first, peer)
            return
        peer.write_first_event(time.perf_counter_ns())
        if self._plan.mode == "bulk":
            peer.on_writable = lambda: self._fill(peer)
            self._fill(peer)

    def _answer_first(self, peer: UpstreamConnection) -> None:
        peer.write_first_event(time.perf_counter_ns())
        asyncio.get_running_loop().call_later(FIRST_EVENT_DELAY_SECONDS, peer.write_end)

    def _first(self, reader: Reader, data: bytes) -> None:
        self._stamp(reader, data)
        if data.endswith(LAST_CHUNK):
            self._first_done.set()

    def _relay(self, reader: Reader, data: bytes) -> None:
        count = data.count(EVENT_MARK)
        if self._counting:
            self._events += count
        peer = self._peers.get(reader.index)
        if peer is not None and self._running:
            for _ in range(count):
                self._turn += 1
                peer.write(_EVENTS[self._turn % BULK_EVENTS])

    def _count(self, reader: Reader, data: bytes) -> None:
        if self._counting:
            self._events += data.count(EVENT_MARK)

    def _stamp(self, reader: Reader, data: bytes) -> None:
        now_ns = time.perf_counter_ns()
        if self._counting:
            stamps = stamps_in(data)
            self._events += len(stamps)
            self._delays_ns.extend(now_ns - stamp for stamp in stamps)

    def _fill(self, peer: UpstreamConnection) -> None:
        while self._running and peer.writable and peer.is_open:
            peer.write(_BULK)

    def _pace(self, started_ns: int, sent: int) -> None:
        """Sends all that is due by now: streams take turns, evenly spread over the time between two events of one."""
        if not self._running:
            return
        total_per_second = self._plan.streams * self._plan.events_per_second
        due = int((time.perf_counter_ns() - started_ns) / 1e9 * total_per_second)
        for turn in range(sent, due):
            peer = self._peers.get(turn % self._plan.streams)
            if peer is not None:
                peer.write(stamped_event(time.perf_counter_ns()))
        asyncio.get_running_loop().call_later(0.001, self._pace, started_ns, due)

    def _worker_cpu(self) -> float:
        return sum(cpu_seconds(pid) for pid in self._plan.worker_pids)

    def _worker_memory(self) -> int:
        return sum(rss_bytes(pid) for pid in self._plan.worker_pids)


# No two in a row are the same: some gateways take repetition for a model that went astray.
_EVENTS = [stamped_event(number) for number in range(BULK_EVENTS)]
_BULK = b"".join(_EVENTS)


def _in_one_line(answer: bytes) -> str:
    head, _, body = answer.decode("latin-1").partition("\r\n\r\n")
    return f"{head.splitlines()[0]} {' '.join(body.split())}"


async def _measure(plan: StreamPlan) -> StreamResult:
    return await StreamLoad(plan).measure()


def main() -> None:
    """Reads a plan from the file that is named, and prints the result as one JSON line."""
    parser = argparse.ArgumentParser(
        description="one run of streams, as a plan says (a child of the benches)"
    )
    parser.add_argument("plan", type=Path)
    plan = msgspec.json.decode(parser.parse_args().plan.read_bytes(), type=StreamPlan)
    raise_descriptor_limit()
    # A collection in this process would look like a stall of the gateway.
    gc.disable()
    result: StreamResult | StreamFault
    try:
        result = uvloop.run(_measure(plan))
    except (BenchError, TimeoutError) as fault:
        result = StreamFault(str(fault) or "an answer took too long")
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")


if __name__ == "__main__":
    main()
