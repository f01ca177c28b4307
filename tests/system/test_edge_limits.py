"""Each limit of the edge, met over a real socket: its error, in the dialect of the path, and then the end."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import msgspec
import pytest
import zstandard

from tests.system.edge import a_request, body_of, running_edge, statuses, wait_until
from turnpike.gateway.edge.limits import EdgeLimits
from turnpike.ports.http import Reply, Request

LINGER_SECONDS = 0.2
POST = b"POST /v1/messages HTTP/1.1\r\nhost: a\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"


def small(**limits: int) -> EdgeLimits:
    return msgspec.structs.replace(EdgeLimits(linger_seconds=LINGER_SECONDS), **limits)


REFUSED: dict[str, tuple[EdgeLimits, bytes, int, str]] = {
    "head_bytes in a header": (
        small(head_bytes=500),
        POST + b"x: %b\r\ncontent-length: 0\r\n\r\n" % (b"y" * 500),
        431,
        "headers_too_large",
    ),
    "head_bytes in the target": (
        small(head_bytes=500),
        b"GET /v1/messages?%b HTTP/1.1\r\nhost: a\r\n\r\n" % (b"y" * 500),
        431,
        "headers_too_large",
    ),
    "head_bytes without an end": (small(), POST + b"x: " + b"y" * 400_000, 431, "headers_too_large"),
    "head_bytes in a trailer": (
        small(),
        CHUNKED + b"1\r\na\r\n0\r\nx: " + b"y" * 400_000,
        431,
        "headers_too_large",
    ),
    "head_bytes in a chunk extension": (
        small(),
        CHUNKED + b"1;" + b"y" * 400_000,
        431,
        "headers_too_large",
    ),
    "header_count": (
        small(header_count=10),
        POST + b"x: y\r\n" * 10 + b"content-length: 0\r\n\r\n",
        431,
        "headers_too_large",
    ),
    "body_bytes by length": (
        small(body_bytes=10),
        POST + b"content-length: 11\r\n\r\n",
        413,
        "payload_too_large",
    ),
    "body_bytes by chunks": (
        small(body_bytes=10),
        CHUNKED + b"6\r\nabcdef\r\n" * 2,
        413,
        "payload_too_large",
    ),
    "buffered_bytes": (
        small(buffered_bytes=10),
        POST + b"content-length: 11\r\n\r\nabcdefghijk",
        503,
        "overloaded",
    ),
    "an encoding": (
        small(),
        POST + b"content-encoding: br\r\ncontent-length: 1\r\n\r\na",
        415,
        "unsupported_media_type",
    ),
    "an expectation": (
        small(),
        POST + b"expect: tea\r\ncontent-length: 1\r\n\r\na",
        417,
        "expectation_failed",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("path", [b"/v1/messages", b"/v1/chat/completions"])
def test_what_is_over_a_limit_is_refused_and_the_connection_closed(name: str, path: bytes) -> None:
    limits, data, status, code = REFUSED[name]
    with running_edge(limits) as edge, edge.connect() as wire:
        wire.send_what_goes(data.replace(b"/v1/messages", path) + a_request(path="/smuggled"))
        told = wire.read_to_end()
        assert statuses(told) == [status]
        assert f'"code":"{code}"'.encode() in body_of(told)
        assert (b'{"type":"error"' in told) == (path == b"/v1/messages")
        assert edge.requests == []


def test_a_caller_that_goes_on_sending_after_its_refusal_reads_it_and_is_cut_off() -> None:
    with running_edge(small(body_bytes=10)) as edge, edge.connect() as wire:
        wire.send_what_goes(a_request(body=b"x" * 3_000_000))
        assert statuses(wire.read_to_end()) == [413]
        wait_until(lambda: edge.connections == 0, "the connection was cut")


def test_one_connection_too_many_is_told_so() -> None:
    with running_edge(small(connections=2)) as edge:
        with edge.connect() as first, edge.connect() as second:
            for wire in (first, second):
                wire.send(a_request())
                wire.read_until(b" 0")
            with edge.connect() as third:
                told = third.read_to_end()
            assert statuses(told) == [503]
            assert b'"code":"overloaded"' in told
            first.send(a_request())
            first.read_until(b" 0")
        wait_until(lambda: edge.connections == 0, "room again")
        with edge.connect() as fourth:
            fourth.send(a_request())
            fourth.read_until(b" 0")


def test_far_too_many_connections_are_cut() -> None:
    with running_edge(small(connections=1)) as edge:
        wires = [edge.connect() for _ in range(400)]
        told = [wire.read_to_end() for wire in wires[1:]]
        for wire in wires:
            wire.sock.close()
        assert b"" in told
        assert any(b'"code":"overloaded"' in answer for answer in told)


def test_a_connection_is_closed_after_so_many_requests() -> None:
    with running_edge(small(requests_per_connection=2)) as edge, edge.connect() as wire:
        wire.send(a_request(path="/1") + a_request(path="/2") + a_request(path="/3"))
        told = wire.read_to_end()
        assert statuses(told) == [200, 200]
        assert told.count(b"connection: close") == 1
        assert [request.path for request in edge.requests] == ["/1", "/2"]


def packed(encoding: str, body: bytes) -> bytes:
    return a_request("POST", "/packed", f"content-encoding: {encoding}", body=body)


@pytest.mark.parametrize("size", [0, 10, 300_000])
def test_packed_bodies_are_unpacked(size: int) -> None:
    body = b"x" * size
    with running_edge() as edge, edge.connect() as wire:
        for encoding, data in (
            ("gzip", gzip.compress(body)),
            ("x-gzip", gzip.compress(body)),
            ("GZIP", gzip.compress(body, 0)),
            ("zstd", zstandard.compress(body)),
            ("identity", body),
        ):
            wire.send(packed(encoding, data))
            wire.read_until(b"/packed %d" % size)
        request = edge.requests[-2]
        assert request.body == body
        assert request.headers[b"content-length"] == b"%d" % size
        assert b"content-encoding" not in request.headers


BOMBS = {
    "gzip": gzip.compress(b"\0" * 50_000_000),
    "zstd": zstandard.compress(b"\0" * 50_000_000),
    "zstd with no size": zstandard.ZstdCompressor(write_content_size=False).compress(b"\0" * 50_000_000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(name: str) -> None:
    with running_edge(small(body_bytes=1_000_000)) as edge, edge.connect() as wire:
        wire.send(packed(name.split()[0], BOMBS[name]))
        assert b'"code":"payload_too_large"' in wire.read_until(b"}}")
        assert edge.requests == []


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("gzip", b"no gzip"),
        ("gzip", b""),
        ("gzip", gzip.compress(b"abc")[:-1]),
        ("gzip", gzip.compress(b"abc") + b"x"),
        ("gzip", zlib.compress(b"abc")),
        ("zstd", b"no zstd"),
        ("zstd", b""),
        ("zstd", zstandard.compress(b"abc")[:-1]),
        ("zstd", zstandard.compress(b"abc") + b"x"),
        ("zstd", zstandard.compress(b"abc") * 2),
    ],
)
def test_a_body_that_is_not_one_whole_packed_stream_is_refused(encoding: str, data: bytes) -> None:
    with running_edge() as edge, edge.connect() as wire:
        wire.send(packed(encoding, data))
        told = wire.read_until(b"}}")
        assert statuses(told) == [400]
        assert edge.requests == []
        wire.send(a_request())
        assert statuses(wire.read_until(b" 0")) == [200]


def test_unpacked_bodies_count_among_those_in_hand() -> None:
    """Small on the wire, large in memory: ten of these once counted as nothing."""

    async def answer_late(request: Request, reply: Reply) -> None:
        await asyncio.sleep(0.5)
        reply.whole(200, b"", b"late")

    data = packed("gzip", gzip.compress(b"x" * 400_000))
    with running_edge(small(buffered_bytes=1_000_000), {"/packed": answer_late}) as edge:
        wires = [edge.connect() for _ in range(4)]
        for wire in wires:
            wire.send(data)
        told = sorted(statuses(wire.read_answer()) for wire in wires)
        for wire in wires:
            wire.sock.close()
    assert told == [[200], [200], [503], [503]]
