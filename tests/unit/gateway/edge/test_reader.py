"""Bytes in, whole requests out; what is no request is refused, and nothing grows without bound."""

from __future__ import annotations

import gc
import time
import tracemalloc
import weakref

import pytest

from tests.unit.gateway.edge.reading import Reading
from turnpike.gateway.edge.limits import EdgeLimits
from turnpike.gateway.edge.reader import Incoming, RequestReader

POST = b"POST /v1/messages?a=1 HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n"


def test_a_request_arrives_with_its_parts() -> None:
    reading = Reading(POST + b"X-A: 1\r\nx-a: 2\r\nContent-Length: 3\r\n\r\nabc")
    (request,) = reading.requests
    assert (request.method, request.path, request.query) == ("POST", "/v1/messages", b"a=1")
    assert request.headers == {b"host": b"a", b"x-a": b"1, 2", b"content-length": b"3"}
    assert request.body == b"abc"
    assert reading.held == 3


def test_chunks_are_joined_and_trailers_dropped() -> None:
    (request,) = Reading(CHUNKED + b"1\r\na\r\n2;x=y\r\nbc\r\n0\r\nX-Evil: 1\r\n\r\n").requests
    assert request.body == b"abc"
    assert b"x-evil" not in request.headers


def test_an_absolute_target_is_read_as_its_path() -> None:
    (request,) = Reading(b"GET HTTP://other/a?b HTTP/1.1\r\nHost: a\r\n\r\n").requests
    assert (request.path, request.query) == ("/a", b"b")


@pytest.mark.parametrize("path", ["/a%2fb", "/a/../b", "//a", "/%00", "/a;b"])
def test_a_path_is_handed_on_as_it_stands(path: str) -> None:
    (request,) = Reading(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode()).requests
    assert request.path == path


def test_http_1_0_closes_unless_it_asks_to_stay_and_reads_no_chunks() -> None:
    first, second = Reading(
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n"
    ).incoming
    assert (first.keep_alive, first.reads_chunks) == (True, False)
    assert (second.keep_alive, second.reads_chunks) == (False, False)


def test_an_empty_line_before_a_request_is_skipped() -> None:
    assert len(Reading(b"\r\n" + GET + b"\r\n").requests) == 1
    assert len(Reading(GET + b"\r\n", b"\r", b"\n", GET + b"\r\n").requests) == 2


@pytest.mark.parametrize("stray", [b"\n", b"\r", b"\r\r\n", b"\n\r\n", b"\r\n\n"])
def test_a_stray_cr_or_lf_before_a_request_is_refused(stray: bytes) -> None:
    assert Reading(stray + GET + b"\r\n").code == "invalid_request"
    assert Reading(*(bytes([byte]) for byte in stray), GET + b"\r\n").code == "invalid_request"


def test_a_fragment_in_the_target_is_refused() -> None:
    assert Reading(b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n").code == "invalid_request"
    assert Reading(b"GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n").code == "invalid_request"


def test_nothing_is_read_after_a_refusal() -> None:
    reading = Reading(b"GET / HTTP/1.1\r\n\r\n" + GET + b"\r\n" + GET, GET + b"\r\n")
    assert reading.code == "invalid_request"
    assert reading.requests == []
    assert (reading.reader.in_head, reading.reader.in_body) == (False, False)


def test_a_body_that_is_refused_is_no_longer_counted() -> None:
    reading = Reading(CHUNKED + b"3\r\nabc\r\n", b"x")
    assert reading.code == "invalid_request"
    assert reading.held == 0


def test_a_body_over_its_bound_is_refused_while_it_comes() -> None:
    limits = EdgeLimits(body_bytes=4)
    assert Reading(POST + b"Content-Length: 5\r\n\r\n", limits=limits).code == "payload_too_large"
    assert Reading(CHUNKED + b"5\r\nabcde\r\n", limits=limits).code == "payload_too_large"
    assert Reading(CHUNKED + b"4\r\nabcd\r\n0\r\n\r\n", limits=limits).code is None


def test_bodies_over_what_the_worker_holds_are_refused() -> None:
    reading = Reading(POST + b"Content-Length: 9\r\n\r\nabcdefghi", limits=EdgeLimits(buffered_bytes=8))
    assert reading.code == "overloaded"
    assert reading.held == 0


def test_a_head_over_its_bounds_is_refused() -> None:
    limits = EdgeLimits(head_bytes=100, header_count=3)
    assert Reading(GET + b"X: %b\r\n\r\n" % (b"x" * 90), limits=limits).code == "headers_too_large"
    assert Reading(GET + b"A: 1\r\nB: 2\r\nC: 3\r\n\r\n", limits=limits).code == "headers_too_large"
    assert Reading(GET + b"A: 1\r\nB: 2\r\n\r\n", limits=limits).code is None


def test_a_header_without_an_end_is_refused_once_it_is_over_the_bound() -> None:
    reading = Reading(GET + b"X: ", *[b"x" * 1000] * 66)
    assert reading.code == "headers_too_large"


def test_a_target_without_an_end_is_refused_once_it_is_over_the_bound() -> None:
    assert Reading(b"GET /", *[b"x" * 1000] * 66).code == "headers_too_large"


def test_a_trailer_without_an_end_is_refused_once_it_is_over_the_bound() -> None:
    reading = Reading(CHUNKED + b"1\r\na\r\n0\r\nX: ", *[b"x" * 1000] * 66)
    assert reading.code == "headers_too_large"


def test_trailers_without_an_end_are_refused_once_they_are_over_the_bound() -> None:
    assert Reading(CHUNKED + b"1\r\na\r\n0\r\n", *[b"X: y\r\n" * 200] * 66).code == "headers_too_large"


def test_a_chunk_extension_without_an_end_is_refused_once_it_is_over_the_bound() -> None:
    assert Reading(CHUNKED + b"1;", *[b"x" * 1000] * 66).code == "headers_too_large"


def test_chunk_extensions_may_not_outweigh_the_body() -> None:
    chunk = b"1;%b\r\na\r\n" % (b"x" * 1000)
    assert Reading(CHUNKED, *[chunk] * 100).code == "headers_too_large"


def test_a_body_in_the_smallest_chunks_is_taken() -> None:
    (request,) = Reading(CHUNKED, *[b"1\r\na\r\n"] * 100_000, b"0\r\n\r\n").requests
    assert request.body == b"a" * 100_000


def test_a_body_in_small_chunks_takes_no_more_memory_than_a_few_times_its_size() -> None:
    size = 300_000
    chunks = b"3\r\nabc\r\n" * (size // 3)
    tracemalloc.start()
    reading = Reading(CHUNKED, chunks)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert reading.held == size
    assert taken < 2 * size


def test_a_flood_of_one_header_costs_no_more_than_it_brings() -> None:
    started = time.process_time()
    reading = Reading(GET + b"a:b\r\n" * 50_000 + b"\r\n")
    assert reading.code == "headers_too_large"
    assert time.process_time() - started < 0.15


def test_an_expectation_is_met_once_per_request_that_states_it() -> None:
    expecting = POST + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    reading = Reading(expecting, b"a", expecting)
    assert reading.invited == 2
    assert len(reading.requests) == 1


def test_an_expectation_of_http_1_0_is_ignored() -> None:
    head = b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    reading = Reading(head)
    assert reading.invited == 0
    reading.feed(b"a")
    assert len(reading.requests) == 1


def test_a_fault_of_whoever_takes_the_requests_is_not_the_callers() -> None:
    class Faulty(Reading):
        def arrived(self, incoming: Incoming) -> None:
            raise AttributeError("a fault of ours")

    reading = Faulty()
    with pytest.raises(AttributeError, match="a fault of ours"):
        reading.feed(GET + b"\r\n")
    assert reading.code is None


def test_a_reader_that_is_closed_holds_nobody() -> None:
    """Else each connection that ends would be left to the collector of cycles."""
    reading = Reading(POST + b"Content-Length: 3\r\n\r\na")
    kept, whom = reading.reader, weakref.ref(reading)
    kept.close()
    gc.disable()
    try:
        del reading
        assert whom() is None
    finally:
        gc.enable()
    assert kept.closed


def test_lines_beyond_those_that_are_taken_are_not_kept() -> None:
    """A head of short lines would take ten times its length, of whoever connects."""
    limits = EdgeLimits(head_bytes=65_536, header_count=10)
    reading = Reading(GET + b"".join(b"a%d:\r\n" % number for number in range(9_000)), limits=limits)
    assert len(reading.reader._headers) <= 10
    reading.feed(b"\r\n")
    assert reading.code == "headers_too_large"


def test_a_head_that_is_not_whole_counts_among_what_is_held() -> None:
    reading = Reading(GET, b"a: b\r\n")
    assert reading.held == len(GET) + len(b"a: b\r\n")
    reading.feed(b"\r\n")
    assert reading.held == 0
    reading.feed(GET)
    reading.reader.close()
    assert reading.held == 0
    assert Reading(GET, limits=EdgeLimits(buffered_bytes=10)).code == "overloaded"


def test_what_trailers_say_is_not_kept_and_no_head_is_once_its_request_is_whole() -> None:
    head = b"POST /livez HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n"
    reading = Reading(head + b"ab:\r\n" * 3_000 + b"\r\n")
    (request,) = reading.requests
    assert len(request.headers) == 2
    assert all(len(lines) <= 2 for lines in _lists_of(reading.reader))


def _lists_of(reader: RequestReader) -> list[list[object]]:
    return [found for name in reader.__slots__ if isinstance(found := getattr(reader, name), list)]


def test_of_repeated_headers_the_first_is_named() -> None:
    heads = b"authorization: a\r\nx-api-key: b\r\nx-api-key: b\r\nauthorization: a\r\n"
    reading = Reading(b"GET / HTTP/1.1\r\nhost: a\r\n" + heads + b"\r\n")
    assert "x-api-key came twice" in reading.refusals[0].error.message
