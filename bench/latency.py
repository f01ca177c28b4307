"""Time of single calls: one after the other on one connection, and at a constant rate over several."""

import contextlib
import gc
import select
import socket
import time
from collections import deque
from collections.abc import Iterator

import msgspec

from bench.figures import Spread, scaled, spread
from bench.gateways import Gateway
from bench.processes import BenchError

ANSWER_SECONDS = 30.0
WARM_UP_CALLS = 50
CHUNK_BYTES = 262_144
NANOSECONDS_TO_MICROSECONDS = 1e-3
STEADY_CONNECTIONS = 128


class SteadyResult(msgspec.Struct, frozen=True):
    """Calls at a constant rate, each timed from the moment when it was due, whether or not it could be sent then."""

    wanted_rate: float
    rate: float
    delay_us: Spread


def one_by_one(gateway: Gateway, seconds: float) -> Spread:
    """Microseconds from a request's first byte to its answer's last on one warm connection."""
    request = gateway.request()
    taken_ns: list[int] = []
    with _connected(gateway.port) as wire, _no_collection():
        for _ in range(WARM_UP_CALLS):
            _call(wire, request)
        until_ns = time.perf_counter_ns() + int(seconds * 1e9)
        while time.perf_counter_ns() < until_ns:
            started_ns = time.perf_counter_ns()
            _call(wire, request)
            taken_ns.append(time.perf_counter_ns() - started_ns)
    return scaled(spread(taken_ns), NANOSECONDS_TO_MICROSECONDS)


def steady(gateway: Gateway, rate: float, seconds: float) -> SteadyResult:
    """Microseconds per call under an open-loop load: a late answer does not hold back the calls after it."""
    with contextlib.ExitStack() as open_sockets, _no_collection():
        wires = [open_sockets.enter_context(_connected(gateway.port)) for _ in range(STEADY_CONNECTIONS)]
        for wire in wires:
            _call(wire, gateway.request())
        load = _OpenLoop(wires, gateway.request(), rate, seconds)
        taken_ns, elapsed_seconds = load.drive()
    delays = scaled(spread(taken_ns), NANOSECONDS_TO_MICROSECONDS)
    return SteadyResult(wanted_rate=rate, rate=len(taken_ns) / elapsed_seconds, delay_us=delays)


class _OpenLoop:
    """Sends call n at start + n / rate on any idle connection; where none is idle it waits, and its clock runs."""

    def __init__(self, wires: list[socket.socket], request: bytes, rate: float, seconds: float) -> None:
        self._wires = {wire.fileno(): wire for wire in wires}
        self._idle = deque(wires)
        self._request = request
        self._interval_ns = int(1e9 / rate)
        self._total = int(rate * seconds)
        self._due_of: dict[int, int] = {}
        self._received: dict[int, bytes] = {}
        self._taken_ns: list[int] = []

    def drive(self) -> tuple[list[int], float]:
        """All delays, and the seconds that it took until the last answer."""
        poller = select.epoll()
        for number, wire in self._wires.items():
            wire.settimeout(0.0)
            poller.register(number, select.EPOLLIN)
        started_ns = time.perf_counter_ns()
        give_up_ns = started_ns + self._total * self._interval_ns + int(ANSWER_SECONDS * 1e9)
        sent = 0
        while len(self._taken_ns) < self._total:
            sent = self._send_due(started_ns, sent)
            # select takes microseconds where epoll takes milliseconds: calls leave when they are due.
            select.select([poller], [], [], self._seconds_to_next(started_ns, sent))
            for number, _ in poller.poll(0):
                self._receive(number)
            if time.perf_counter_ns() > give_up_ns:
                raise BenchError(
                    f"{self._total - len(self._taken_ns)} calls got no answer in {ANSWER_SECONDS:.0f} s"
                )
        poller.close()
        return self._taken_ns, (time.perf_counter_ns() - started_ns) / 1e9

    def _send_due(self, started_ns: int, sent: int) -> int:
        while sent < self._total and self._idle:
            due_ns = started_ns + sent * self._interval_ns
            if due_ns > time.perf_counter_ns():
                break
            wire = self._idle.popleft()
            self._due_of[wire.fileno()] = due_ns
            wire.sendall(self._request)
            sent += 1
        return sent

    def _seconds_to_next(self, started_ns: int, sent: int) -> float:
        if sent >= self._total or not self._idle:
            return 1.0
        return max(started_ns + sent * self._interval_ns - time.perf_counter_ns(), 0) / 1e9

    def _receive(self, number: int) -> None:
        wire = self._wires[number]
        data = wire.recv(CHUNK_BYTES)
        if not data:
            raise BenchError("the gateway closed a connection under load")
        answer = self._received.pop(number, b"") + data
        if not answer_is_whole(answer):
            self._received[number] = answer
            return
        self._taken_ns.append(time.perf_counter_ns() - self._due_of.pop(number))
        _require_success(answer)
        self._idle.append(wire)


def answer_is_whole(answer: bytes) -> bool:
    """Whether head and body of one answer have come in, by either framing."""
    end_of_head = answer.find(b"\r\n\r\n")
    if end_of_head < 0:
        return False
    head = answer[:end_of_head].lower()
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        return len(answer) - end_of_head - 4 >= int(head[at + 17 :].split(b"\r\n", 1)[0])
    return answer.endswith(b"0\r\n\r\n")


@contextlib.contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield wire


def _call(wire: socket.socket, request: bytes) -> None:
    wire.sendall(request)
    answer = b""
    while not answer_is_whole(answer):
        data = wire.recv(CHUNK_BYTES)
        if not data:
            raise BenchError(f"the connection was closed in the middle of an answer: {answer[:200]!r}")
        answer += data
    _require_success(answer)


def _require_success(answer: bytes) -> None:
    if not answer.startswith(b"HTTP/1.1 200"):
        raise BenchError(f"not a success: {answer[:600].decode('latin-1')}")


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """A collection in this process would look like a delay of the gateway."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def check(gateway: Gateway) -> None:
    """Raises BenchError where one call does not come back as a success with the fake upstream's answer."""
    with _connected(gateway.port) as wire:
        _call(wire, gateway.request())
