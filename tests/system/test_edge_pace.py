"""Slow, silent, greedy and vanishing callers: none holds memory, tasks or connections beyond its limits."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import msgspec
import pytest

from tests.system.edge import Answer, Wire, a_request, body_of, running_edge, statuses, wait_until
from turnpike.gateway.edge.limits import EdgeLimits, Phase
from turnpike.gateway.edge.server import Server
from turnpike.ports.http import Reply, Request

BIG = b"x" * 2_000_000
SMALL_WINDOW_BYTES = 4096


async def answer_big(request: Request, reply: Reply) -> None:
    reply.whole(200, b"", BIG)


async def answer_late(request: Request, reply: Reply) -> None:
    await asyncio.sleep(0.6)
    reply.whole(200, b"", b"late")


async def stream_forever(request: Request, reply: Reply) -> None:
    reply.begin(200, b"")
    while True:
        reply.write(b"data: x\n\n" * 100)
        if reply.congested:
            await reply.drained()
        await asyncio.sleep(0)


async def wait_forever(request: Request, reply: Reply) -> None:
    await asyncio.Event().wait()


ANSWERS: dict[str, Answer] = {
    "/big": answer_big,
    "/late": answer_late,
    "/stream": stream_forever,
    "/wait": wait_forever,
}


def short(**limits: float) -> EdgeLimits:
    """Limits of time that a test can wait for."""
    usual = EdgeLimits(
        head_seconds=0.3, body_seconds=0.3, idle_seconds=0.3, stall_seconds=0.3, linger_seconds=0.2
    )
    return msgspec.structs.replace(usual, **limits)


def drip(wire: Wire, data: bytes, every_seconds: float) -> None:
    """Send byte by byte until the other side has had enough."""
    for byte in data:
        try:
            wire.send(bytes([byte]))
        except ConnectionError:
            return
        time.sleep(every_seconds)


def test_a_connection_that_sends_nothing_is_closed_after_the_idle_time() -> None:
    with running_edge(short()) as edge, edge.connect() as wire:
        started = time.monotonic()
        assert wire.read_to_end() == b""
        assert 0.3 <= time.monotonic() - started < 2


def test_a_connection_is_closed_after_the_idle_time_behind_an_answer() -> None:
    with running_edge(short()) as edge, edge.connect() as wire:
        wire.send(a_request())
        assert statuses(wire.read_to_end()) == [200]


def test_a_head_that_drips_in_is_refused_after_the_head_time() -> None:
    with running_edge(short(idle_seconds=60)) as edge, edge.connect() as wire:
        drip(wire, a_request() * 10, 0.02)
        told = wire.read_to_end()
        assert statuses(told) == [408]
        assert b'"code":"request_timeout"' in told
        assert edge.requests == []


def test_empty_lines_that_drip_in_do_not_put_off_the_idle_time() -> None:
    with running_edge(short()) as edge, edge.connect() as wire:
        drip(wire, b"\r\n" * 50, 0.02)
        assert wire.read_to_end() == b""
        assert edge.connections == 0


def test_a_body_that_drips_in_is_refused_after_the_body_time() -> None:
    with running_edge(short(idle_seconds=60)) as edge, edge.connect() as wire:
        drip(wire, a_request(body=b"x" * 200), 0.01)
        assert statuses(wire.read_to_end()) == [408]
        wait_until(lambda: edge.read(lambda server: server.buffered_bytes) == 0, "nothing counted")


def test_a_trailer_that_drips_in_is_refused_after_the_body_time() -> None:
    with running_edge(short(idle_seconds=60)) as edge, edge.connect() as wire:
        wire.send(a_request("POST", "/", "transfer-encoding: chunked") + b"1\r\na\r\n0\r\n")
        drip(wire, b"x: y\r\n" * 20, 0.02)
        assert statuses(wire.read_to_end()) == [408]


def test_a_caller_that_reads_no_answer_is_cut_off_after_the_stall_time() -> None:
    with running_edge(short(idle_seconds=60), ANSWERS) as edge, edge.connect(SMALL_WINDOW_BYTES) as wire:
        wire.send(a_request("GET", "/big"))
        wait_until(lambda: edge.requests, "the request arrived")
        wait_until(lambda: edge.connections == 0, "the connection was cut")


def test_a_caller_that_reads_no_last_answer_is_cut_off_after_the_stall_time() -> None:
    """Though what waits is less than what pauses the application."""

    async def answer_some(request: Request, reply: Reply) -> None:
        reply.whole(200, b"", b"x" * 200_000)

    for line in ("connection: close", "connection: keep-alive"):
        with (
            running_edge(short(), {"/some": answer_some}) as edge,
            edge.connect(SMALL_WINDOW_BYTES) as wire,
        ):
            wire.send(a_request("GET", "/some", line))
            wait_until(lambda: edge.requests, "the request arrived")
            wait_until(lambda: edge.connections == 0, f"cut although {line}")


def test_a_caller_that_reads_no_answer_and_hangs_up_halfway_is_cut_off_too() -> None:
    limits = short(stall_seconds=0.5, idle_seconds=60)
    with running_edge(limits, ANSWERS) as edge, edge.connect(SMALL_WINDOW_BYTES) as wire:
        wire.send(a_request("GET", "/stream"))
        wait_until(lambda: edge.requests, "the request arrived")
        wire.sock.shutdown(socket.SHUT_WR)
        wait_until(lambda: edge.cancelled == 1, "the application was cancelled", 2)
        wait_until(lambda: edge.connections == 0, "the connection was cut")


def test_a_connection_is_idle_once_a_slow_reader_has_read_all() -> None:
    with running_edge(short(stall_seconds=5), ANSWERS) as edge, edge.connect(SMALL_WINDOW_BYTES) as wire:
        wire.send(a_request("GET", "/big"))
        time.sleep(0.1)
        told = wire.read_to_end()
        assert body_of(told) == BIG


def test_a_slow_reader_of_a_stream_makes_no_memory_grow() -> None:
    with running_edge(short(stall_seconds=60), ANSWERS) as edge, edge.connect(SMALL_WINDOW_BYTES) as wire:
        wire.send(a_request("GET", "/stream"))
        wait_until(lambda: edge.requests, "the request arrived")
        wait_until(lambda: waiting(edge.read(connection_buffers)) > 0, "the stream waits for its reader")
        before = edge.read(connection_buffers)
        time.sleep(0.5)
        assert edge.read(connection_buffers) == before
        assert waiting(before) < 400_000


def test_requests_behind_an_answer_that_nobody_reads_are_not_answered() -> None:
    with running_edge(short(stall_seconds=60), ANSWERS) as edge, edge.connect(SMALL_WINDOW_BYTES) as wire:
        wire.send(a_request("GET", "/big") * 50)
        wait_until(lambda: edge.requests, "a request arrived")
        time.sleep(0.3)
        assert len(edge.requests) == 1
        assert waiting(edge.read(connection_buffers)) <= len(BIG) + 1000


def test_pipelined_requests_are_answered_in_order() -> None:
    with running_edge() as edge, edge.connect() as wire:
        wire.send(b"".join(a_request("POST", f"/{n}", body=b"x" * n) for n in range(200)))
        told = wire.read_until(b"/199 199")
        assert [f"/{n} {n}".encode() in told for n in range(200)] == [True] * 200
        assert [request.path for request in edge.requests] == [f"/{n}" for n in range(200)]


def test_no_more_pipelined_requests_wait_than_the_limit_allows() -> None:
    waiting_requests: list[int] = []
    with running_edge(EdgeLimits(pipelined_requests=4), ANSWERS) as edge, edge.connect() as wire:
        wire.send(a_request("GET", "/late"))
        wait_until(lambda: edge.requests, "the first request arrived")
        wire.send(b"GET / HTTP/1.1\r\nhost:a\r\n\r\n" * 8000)
        time.sleep(0.3)
        waiting_requests.extend(edge.read(lambda server: [len(c.queue) for c in connections(server)]))
    assert 4 <= waiting_requests[0] < 1000


def test_a_request_that_comes_in_behind_a_long_call_is_not_refused_for_its_wait() -> None:
    first, second = a_request("GET", "/late"), a_request("POST", "/second", body=b"abc")
    with running_edge(short(), ANSWERS) as edge, edge.connect() as wire:
        wire.send(first + second[:-2])
        wait_until(lambda: edge.requests, "the first request arrived")
        time.sleep(0.4)
        wire.send(second[-2:])
        assert wire.read_until(b"/second 3").count(b"HTTP/1.1 200") == 2


def test_a_caller_that_goes_away_cancels_its_call() -> None:
    with running_edge(answers=ANSWERS) as edge:
        with edge.connect() as wire:
            wire.send(a_request("GET", "/wait"))
            wait_until(lambda: edge.requests, "the request arrived")
        wait_until(lambda: edge.cancelled == 1, "the application was cancelled", 1)


def test_a_caller_that_goes_away_in_the_middle_of_a_body_leaves_nothing() -> None:
    with running_edge() as edge:
        for cut_at in (10, 100, 1000, 5000):
            with edge.connect() as wire:
                wire.send(a_request(body=b"x" * 10_000)[:cut_at])
        edge.assert_nothing_is_left()
        assert edge.requests == []


def test_a_caller_that_resets_with_requests_waiting_leaves_nothing() -> None:
    with running_edge(answers=ANSWERS) as edge:
        for _ in range(20):
            with edge.connect() as wire:
                wire.send(a_request("GET", "/wait") + a_request(body=b"x" * 1000) * 5)
                wait_until(lambda: edge.requests, "a request arrived")
                wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        edge.assert_nothing_is_left()


def connections(server: Server) -> list[Any]:
    """The server's connections, with all that is their own business."""
    return list(server._connections)


def connection_buffers(server: Server) -> list[int]:
    """What waits to be sent on each connection."""
    return [connection._transport.get_write_buffer_size() for connection in connections(server)]


def waiting(buffers: list[int]) -> int:
    return sum(buffers)


def test_a_caller_that_has_begun_a_further_request_and_goes_away_cancels_its_call() -> None:
    """Though nothing is read of the further one until the call has its answer."""
    further = a_request("POST", "/", body=b"x" * 100)
    for part in (further[:10], further[:-1]):
        with running_edge(answers=ANSWERS) as edge:
            with edge.connect() as wire:
                wire.send(a_request("GET", "/wait"))
                wait_until(lambda: edge.requests, "the call is under way")
                wire.send(part)
            wait_until(lambda: edge.cancelled == 1, "the call was cancelled")


def test_a_caller_with_as_many_requests_as_may_wait_that_goes_away_cancels_its_call() -> None:
    limits = EdgeLimits(pipelined_requests=2, linger_seconds=0.2)
    with running_edge(limits, ANSWERS) as edge:
        with edge.connect() as wire:
            wire.send(a_request("GET", "/wait") * 5)
            wait_until(lambda: edge.requests, "the call is under way")
        wait_until(lambda: edge.cancelled == 1, "the call was cancelled")


@pytest.mark.parametrize("path", ["/big", "/stream"])
def test_a_caller_that_reads_no_answer_and_asks_on_is_cut_off_after_the_stall_time(path: str) -> None:
    for further in (a_request("GET", "/two"), a_request("GET", "/two")[:5], a_request(body=b"xyz")[:-1]):
        with running_edge(short(), ANSWERS) as edge, edge.connect(SMALL_WINDOW_BYTES) as wire:
            wire.send(a_request("GET", path))
            wait_until(lambda: edge.requests, "the request arrived")
            wait_until(lambda: edge.phases() == {Phase.STALLED}, "its answer is stuck")
            wire.send(further)
            wait_until(lambda: edge.connections == 0, "the connection was cut")


@pytest.mark.parametrize("part", [b"GET /tw", a_request(body=b"xyz")[:-1]])
def test_a_request_that_was_begun_while_an_answer_was_stuck_has_its_limit_too(part: bytes) -> None:
    with running_edge(short(stall_seconds=60, idle_seconds=60), ANSWERS) as edge, edge.connect() as wire:
        wire.send(a_request("GET", "/big"))
        wait_until(lambda: edge.phases() == {Phase.STALLED}, "its answer is stuck")
        wire.send(part)
        told = wire.read_to_end()
        assert statuses(told[:100]) == [200]
        assert b"request_timeout" in told[-1000:]


def test_a_refusal_behind_an_answer_that_is_read_slowly_cuts_nothing_off() -> None:
    async def answer_some(request: Request, reply: Reply) -> None:
        reply.whole(200, b"", b"x" * 200_000)

    limits = short(idle_seconds=60, stall_seconds=5, linger_seconds=0.05)
    with running_edge(limits, {"/some": answer_some}) as edge, edge.connect(SMALL_WINDOW_BYTES) as wire:
        wire.send(a_request("GET", "/some") + b"no request\r\n\r\n")
        wait_until(lambda: edge.phases() == {Phase.CLOSING}, "it lingered for its time")
        told = wire.read_to_end()
        assert statuses(told) == [200, 400]
