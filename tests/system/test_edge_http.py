"""What HTTP asks of a server beyond framing: methods, versions, expectations, answers in pieces."""

from __future__ import annotations

import asyncio
import gc
import weakref
from functools import partial
from typing import Any

import pytest

from tests.system.edge import Answer, a_request, body_of, running_edge, statuses, wait_until
from turnpike.domain.errors import NotFound
from turnpike.gateway.edge.limits import EdgeLimits, Phase
from turnpike.gateway.edge.server import Server
from turnpike.ports.http import Reply, Request


async def stream_three(request: Request, reply: Reply) -> None:
    reply.begin(200, b"content-type: text/event-stream\r\n")
    for piece in (b"one", b"", b"two", b"three"):
        reply.write(piece)
    reply.end()


async def no_content(request: Request, reply: Reply) -> None:
    reply.whole(204, b"x-a: b\r\n", b"")


async def fail(request: Request, reply: Reply) -> None:
    raise ValueError("a fault of ours")


async def fail_late(request: Request, reply: Reply) -> None:
    reply.begin(200, b"")
    reply.write(b"begun")
    raise ValueError("a fault of ours")


async def never_end(request: Request, reply: Reply) -> None:
    reply.begin(200, b"")
    reply.write(b"begun")


async def refuse(request: Request, reply: Reply) -> None:
    raise NotFound("There is nothing here.")


async def answer_late(request: Request, reply: Reply) -> None:
    await asyncio.sleep(0.3)
    reply.whole(200, b"", b"late")


ANSWERS: dict[str, Answer] = {
    "/stream": stream_three,
    "/none": no_content,
    "/fail": fail,
    "/fail-late": fail_late,
    "/never-end": never_end,
    "/v1/messages": refuse,
    "/late": answer_late,
}


def test_an_answer_in_pieces_is_chunked_and_the_connection_stays() -> None:
    with running_edge(answers=ANSWERS) as edge, edge.connect() as wire:
        for _ in range(2):
            wire.send(a_request("GET", "/stream"))
            told = wire.read_until(b"0\r\n\r\n")
            assert b"transfer-encoding: chunked\r\n" in told
            assert b"content-length" not in told
            assert body_of(told) == b"3\r\none\r\n3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n"


def test_http_1_0_reads_an_answer_in_pieces_to_the_connections_end() -> None:
    with running_edge(answers=ANSWERS) as edge, edge.connect() as wire:
        wire.send(b"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        told = wire.read_to_end()
        assert b"transfer-encoding" not in told
        assert b"connection: close\r\n" in told
        assert body_of(told) == b"onetwothree"


def test_http_1_0_keeps_its_connection_only_where_it_asks_and_the_length_is_known() -> None:
    with running_edge() as edge, edge.connect() as wire:
        wire.send(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert b"connection: keep-alive\r\n" in wire.read_until(b"/a 0")
        wire.send(b"GET /b HTTP/1.0\r\n\r\n")
        told = wire.read_to_end()
        assert b"connection: close\r\n" in told
        assert told.endswith(b"/b 0")


def test_a_caller_that_says_close_is_answered_and_closed() -> None:
    with running_edge() as edge, edge.connect() as wire:
        wire.send(a_request("GET", "/a", "connection: close"))
        told = wire.read_to_end()
        assert statuses(told) == [200]
        assert b"connection: close\r\n" in told


@pytest.mark.parametrize("path", ["/stream", "/ok"])
def test_head_gets_the_head_alone_and_the_connection_stays(path: str) -> None:
    with running_edge(answers=ANSWERS) as edge, edge.connect() as wire:
        wire.send(a_request("HEAD", path) + a_request("GET", "/after"))
        told = wire.read_until(b"/after 0")
        head, _, rest = told.partition(b"\r\n\r\n")
        assert rest.startswith(b"HTTP/1.1 200 ")
        assert (b"content-length: 5" in head) or (b"transfer-encoding: chunked" in head)


def test_an_answer_without_content_has_no_length() -> None:
    with running_edge(answers=ANSWERS) as edge, edge.connect() as wire:
        wire.send(a_request("OPTIONS", "/none") + a_request("GET", "/after"))
        head, _, rest = wire.read_until(b"/after 0").partition(b"\r\n\r\n")
        assert b"HTTP/1.1 204 No Content\r\n" in head
        assert b"x-a: b" in head
        assert b"content-length" not in head
        assert rest.startswith(b"HTTP/1.1 200 ")


def test_a_request_of_no_length_has_no_body() -> None:
    """So curl sends a POST that it was given nothing for (RFC 9112, 6.3)."""
    with running_edge() as edge, edge.connect() as wire:
        wire.send(b"POST /a HTTP/1.1\r\nhost: test\r\n\r\n" + a_request("GET", "/b"))
        assert wire.read_until(b"/b 0").count(b"/a 0") == 1


def test_an_expecting_caller_is_told_to_go_on_before_it_sends_its_body() -> None:
    with running_edge() as edge, edge.connect() as wire:
        request = a_request("POST", "/a", "expect: 100-continue", body=b"abc")
        wire.send(request[:-3])
        assert wire.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send(b"abc")
        assert wire.read_answer().endswith(b"/a 3")


def test_an_expecting_caller_is_refused_before_it_sends_a_body_that_is_too_large() -> None:
    limits = EdgeLimits(body_bytes=10, linger_seconds=0.2)
    with running_edge(limits) as edge, edge.connect() as wire:
        wire.send(a_request("POST", "/a", "expect: 100-continue", body=b"x" * 11)[:-11])
        assert statuses(wire.read_to_end()) == [413]


def test_an_expecting_request_behind_another_is_invited_after_the_other_is_answered() -> None:
    with running_edge(answers=ANSWERS) as edge, edge.connect() as wire:
        second = a_request("POST", "/second", "expect: 100-continue", body=b"abc")
        wire.send(a_request("GET", "/late") + second[:-3])
        told = wire.read_until(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert statuses(told) == [200, 100]
        wire.send(b"abc")
        assert wire.read_answer().endswith(b"/second 3")


def test_an_expecting_request_of_http_1_0_behind_another_is_invited_by_nobody() -> None:
    """There is no 100 in HTTP/1.0 (RFC 9110, 10.1.1)."""
    with running_edge(answers=ANSWERS) as edge, edge.connect() as wire:
        second = a_request("POST", "/second", "expect: 100-continue", body=b"abc").replace(
            b"HTTP/1.1", b"HTTP/1.0"
        )
        wire.send(a_request("GET", "/late") + second[:-3])
        wait_until(lambda: len(edge.requests) == 1, "the first is under way")
        first = wire.read_answer()
        wire.send(b"abc")
        assert statuses(first + wire.read_to_end()) == [200, 200]


class Mark:
    """Lives as long as the frame that it was made in."""


def test_calls_that_are_refused_or_lose_their_caller_leave_nothing_to_the_cyclic_collector() -> None:
    marks: list[weakref.ref[Mark]] = []

    async def answer(request: Request, reply: Reply) -> None:
        mark = Mark()
        marks.append(weakref.ref(mark))
        if request.path == "/refuse":
            raise NotFound("There is nothing here.")
        await asyncio.Event().wait()

    gc.disable()
    try:
        with running_edge(answers={"/hang": answer, "/refuse": answer}) as edge:
            for number, path in enumerate(("/hang", "/refuse"), 1):
                with edge.connect() as wire:
                    wire.send(a_request("POST", path, body=b"x"))
                    wait_until(partial(_are, marks, number), "the call is in hand")
            wait_until(lambda: edge.connections == 0, "all connections are closed")
            wait_until(lambda: not any(mark() for mark in marks), "no call is held in memory")
    finally:
        gc.enable()


def _are(marks: list[weakref.ref[Mark]], number: int) -> bool:
    return len(marks) == number


def _put_in(server: Server, what: Any) -> None:
    (connection,) = tuple(server._connections)
    connection.queue.append(what)


def test_a_fault_in_a_connections_own_task_ends_that_connection_alone() -> None:
    with running_edge(answers=ANSWERS) as edge, edge.connect() as one:
        one.send(a_request("GET", "/a"))
        one.read_answer()
        edge.read(lambda server: _put_in(server, None))
        with edge.connect() as other:
            one.send(a_request("GET", "/b"))
            assert one.read_to_end() == b""
            other.send(a_request("GET", "/other"))
            assert other.read_answer().endswith(b"/other 0")


def test_a_fault_of_the_application_is_told_as_one_and_the_next_request_is_served() -> None:
    with running_edge(answers=ANSWERS) as edge, edge.connect() as wire:
        wire.send(a_request("POST", "/fail") + a_request("GET", "/after"))
        told = wire.read_until(b"/after 0")
        assert statuses(told) == [500, 200]
        assert b"a fault of ours" not in told


@pytest.mark.parametrize("path", ["/fail-late", "/never-end"])
def test_an_answer_that_breaks_off_never_looks_whole(path: str) -> None:
    with running_edge(answers=ANSWERS) as edge, edge.connect() as wire:
        wire.send(a_request("GET", path))
        assert not wire.read_to_end().endswith(b"0\r\n\r\n")


def test_a_refusal_of_the_application_speaks_the_dialect_of_the_path() -> None:
    with running_edge(answers=ANSWERS) as edge, edge.connect() as wire:
        wire.send(a_request("POST", "/v1/messages"))
        told = wire.read_answer()
        assert statuses(told) == [404]
        assert body_of(told).startswith(b'{"type":"error"')


def test_draining_hangs_up_on_the_idle_lets_calls_end_and_lets_what_has_begun_arrive() -> None:
    with (
        running_edge(EdgeLimits(linger_seconds=0.2), ANSWERS) as edge,
        edge.connect() as idle,
        edge.connect() as calling,
        edge.connect() as arriving,
    ):
        idle.send(a_request())
        idle.read_until(b" 0")
        calling.send(a_request("GET", "/late"))
        arriving.send(a_request("POST", "/arriving", body=b"abc")[:-1])
        wait_until(lambda: len(edge.requests) == 2, "the calls arrived")
        wait_until(lambda: edge.connections == 3, "all are there")
        wait_until(lambda: Phase.BODY in edge.phases(), "of the third, the body is awaited")
        edge.read(lambda server: server.drain())
        assert idle.read_to_end() == b""
        arriving.send(b"c")
        for wire, end in ((calling, b"late"), (arriving, b"/arriving 3")):
            told = wire.read_to_end()
            assert b"connection: close\r\n" in told
            assert told.endswith(end)


def test_memory_tasks_and_connections_are_as_before_after_a_storm() -> None:
    """Two hundred callers of every bad kind at once."""
    with running_edge(EdgeLimits(linger_seconds=0.1, head_seconds=0.5, body_seconds=0.5), ANSWERS) as edge:
        for round_ in range(20):
            wires = [edge.connect() for _ in range(10)]
            for kind, wire in enumerate(wires):
                data = (
                    a_request(body=b"x" * 1000)[:-1],
                    a_request("GET", "/late") * 20,
                    b"\n",
                    a_request("GET", "/stream") + b"GET /x\0",
                    a_request("POST", "/a", "content-encoding: gzip", body=b"x" * 100),
                    b"",
                    a_request("POST", "/a", "expect: 100-continue", body=b"abc")[:-3],
                    a_request("POST", "/a", "transfer-encoding: chunked") + b"3\r\nabc\r\n",
                    a_request("GET", "/fail-late"),
                    a_request("GET", "/late")[: 10 + round_],
                )[kind]
                wire.send_what_goes(data)
            for wire in wires:
                wire.sock.close()
        edge.assert_nothing_is_left()
