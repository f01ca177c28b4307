"""No request can be hidden in another: what is framed oddly gets one refusal, and the connection ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.edge import Edge, a_request, body_of, running_edge, statuses
from tests.system.framing_cases import CASES, SMUGGLED, coding_mutations

SKIPPED_WITHIN_A_PACKET = {"rfc 9112 2.2: LF before a request", "rfc 9112 2.2: CR before a request"}


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    with running_edge() as running:
        yield running


@pytest.mark.parametrize("name", CASES)
def test_an_oddly_framed_request_is_refused_and_nothing_behind_it_is_read(edge: Edge, name: str) -> None:
    edge.requests.clear()
    with edge.connect() as wire:
        wire.send_what_goes(CASES[name].encode("latin-1") + SMUGGLED)
        told = wire.read_to_end()
    assert statuses(told) == [400]
    assert b"connection: close\r\n" in told
    assert b'"code":"invalid_request"' in body_of(told)
    assert edge.requests == []


def test_a_cr_or_lf_within_a_packet_of_requests_is_skipped_as_an_empty_line_is(edge: Edge) -> None:
    edge.requests.clear()
    with edge.connect() as wire:
        wire.send(
            a_request(path="/first") + b"\n" + a_request(path="/second") + b"\r" + a_request(path="/last")
        )
        wire.read_until(b"/last 0")
    assert [request.path for request in edge.requests] == ["/first", "/second", "/last"]


@pytest.mark.parametrize("name", sorted(CASES.keys() - SKIPPED_WITHIN_A_PACKET))
def test_an_oddly_framed_request_behind_a_good_one_is_refused_too(edge: Edge, name: str) -> None:
    edge.requests.clear()
    with edge.connect() as wire:
        wire.send_what_goes(a_request(path="/first") + CASES[name].encode("latin-1") + SMUGGLED)
        told = wire.read_to_end()
    assert statuses(told) == [200, 400]
    assert [request.path for request in edge.requests] == ["/first"]


def test_no_byte_around_the_transfer_encoding_makes_two_requests_of_one(edge: Edge) -> None:
    """Both a length and a mutated coding: the body holds a request, for whoever reads it as chunks."""
    body = b"0\r\n\r\n" + SMUGGLED
    for name, header in coding_mutations():
        edge.requests.clear()
        with edge.connect() as wire:
            head = f"POST / HTTP/1.1\r\n{header}\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
            wire.send_what_goes(head.encode("latin-1") + body)
            told = wire.read_to_end()
        assert statuses(told) in ([400], [415]), name
        assert edge.requests == [], name


def test_a_coding_under_another_name_is_no_coding(edge: Edge) -> None:
    """smuggler underjoin1: an unknown header; the length alone frames the request."""
    edge.requests.clear()
    body = b"0\r\n\r\n" + SMUGGLED
    with edge.connect() as wire:
        wire.send(a_request("POST", "/", "Transfer_Encoding: chunked", "connection: close", body=body))
        assert statuses(wire.read_to_end()) == [200]
    assert [request.body for request in edge.requests] == [body]


def test_a_request_of_http_0_9_is_not_answered_as_one() -> None:
    with running_edge() as edge, edge.connect() as wire:
        wire.send(b"GET /\r\n\r\n")
        assert statuses(wire.read_to_end()) == [400]
        assert edge.requests == []


def test_data_behind_a_request_that_closes_is_not_read(edge: Edge) -> None:
    edge.requests.clear()
    with edge.connect() as wire:
        wire.send(a_request("POST", "/last", "connection: close") + SMUGGLED)
        assert statuses(wire.read_to_end()) == [200]
    assert [request.path for request in edge.requests] == ["/last"]


@pytest.mark.parametrize(
    ("path", "mark"),
    [
        ("/v1/chat/completions", b'{"error":{"message":'),
        ("/v1/messages", b'{"type":"error","error":{"type":"invalid_request_error"'),
    ],
)
def test_a_refusal_speaks_the_dialect_of_the_path(edge: Edge, path: str, mark: bytes) -> None:
    with edge.connect() as wire:
        wire.send(f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n".encode())
        told = body_of(wire.read_to_end())
    assert told.startswith(mark)
    assert b'"code":"invalid_request"' in told
