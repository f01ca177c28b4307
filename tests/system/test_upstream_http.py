"""Good answers in unusual HTTP, and which headers travel either way."""

from __future__ import annotations

import gzip
import threading

import pytest

from tests.system.parts import ANSWER, good, quiet, raw
from tests.system.road import CREDENTIAL, Road
from tests.system.upstream import CASE, Exchange, chunk, head


def test_an_answer_packed_unasked_is_unpacked(road: Road) -> None:
    answer = road.chat(road.case(lambda e: e.answer(200, gzip.compress(ANSWER), content_encoding="gzip")))
    assert answer.content == ANSWER
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    "interim",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\nset-cookie: a=b\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n",
    ],
)  # fmt: skip
def test_interim_answers_are_passed_over(road: Road, interim: bytes) -> None:
    for pieces in ((interim,), (interim[:9], interim[9:])):

        def part(exchange: Exchange, pieces: tuple[bytes, ...] = pieces) -> None:
            exchange.send(*pieces)
            exchange.left(0.02)
            exchange.answer(200, ANSWER)

        answer = road.chat(road.case(part))
        assert answer.content == ANSWER
        assert "link" not in answer.headers


def test_an_answer_to_the_connections_end_is_whole(road: Road) -> None:
    answer = road.chat(
        road.case(raw(head(200, {"content-type": "application/json"}), ANSWER[:9], ANSWER[9:]))
    )
    assert answer.content == ANSWER


def test_an_answer_of_http_1_0_is_whole(road: Road) -> None:
    data = b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n" + ANSWER
    assert road.chat(road.case(raw(data))).content == ANSWER


def test_an_answer_in_chunks_with_trailers_is_whole(road: Road) -> None:
    def part(exchange: Exchange) -> None:
        lines = {"content-type": "application/json", "transfer-encoding": "chunked"}
        exchange.send(head(200, lines), *(chunk(ANSWER[i : i + 7]) for i in range(0, len(ANSWER), 7)))
        exchange.send(b"0\r\nx-turnpike-cost: 0\r\nx-late: 1\r\n\r\n")

    answer = road.chat(road.case(part))
    assert answer.content == ANSWER
    assert "x-late" not in answer.headers


def test_what_follows_an_answer_is_never_taken_for_the_next_one(road: Road) -> None:
    evil = head(200, {"content-type": "application/json", "content-length": "9"}) + b'{"evil":1'
    extra = raw(head(200, {"content-type": "application/json", "content-length": str(len(ANSWER))}) + ANSWER + evil,
                then=quiet)  # fmt: skip
    for _ in range(3):
        assert road.chat(road.case(extra)).content == ANSWER
        assert road.chat(road.case(good)).content == ANSWER
    half = raw(head(200, {"content-type": "application/json", "content-length": str(len(ANSWER))}) + ANSWER + b"HTTP/1.1 2",
               then=quiet)  # fmt: skip
    for _ in range(3):
        assert road.chat(road.case(half)).content == ANSWER
        assert road.chat(road.case(good)).content == ANSWER


def test_a_connection_that_went_stale_is_replaced_unseen(road: Road) -> None:
    closed = threading.Event()

    def part(exchange: Exchange) -> None:
        exchange.answer(200, ANSWER)
        exchange.close()
        closed.set()

    for _ in range(20):
        case = road.case(part)
        answer = road.chat(case)
        assert (answer.content, answer.headers["x-turnpike-attempts"]) == (ANSWER, "1")
        assert closed.wait(5)
        closed.clear()


def test_connections_are_kept_between_calls(road: Road) -> None:
    road.chat(road.case(good))
    before = road.upstream.connections
    for _ in range(10):
        road.chat(road.case(good))
    assert road.upstream.connections == before


# Headers


def test_the_providers_headers_come_back_but_for_those_that_are_ours_or_of_the_hop(road: Road) -> None:
    def part(exchange: Exchange) -> None:
        lines = {
            "content-type": "application/json; charset=utf-8", "content-length": str(len(ANSWER)),
            "openai-processing-ms": "12", "x-ratelimit-limit-requests": "100", "x-request-id": "req_upstream",
            "set-cookie": "__cf_bm=1; path=/", "x-turnpike-cost": "9.999", "x-turnpike-call-id": "forged",
            "X-Turnpike-Target": "forged/m", "keep-alive": "timeout=5", "server": "fake", "alt-svc": "h3",
            "access-control-allow-origin": "*",
        }  # fmt: skip
        exchange.send(head(200, lines), ANSWER)

    answer = road.chat(road.case(part))
    given = dict(answer.headers)
    call_id = given.pop("x-turnpike-call-id")
    assert given.pop("date")
    assert given == {
        "content-length": str(len(ANSWER)),
        "content-type": "application/json; charset=utf-8",
        "openai-processing-ms": "12",
        "x-ratelimit-limit-requests": "100",
        "x-request-id": call_id,
        "request-id": call_id,
        "x-turnpike-target": "fake-openai/gpt-4o-mini",
        "x-turnpike-attempts": "1",
    }


def test_headers_that_a_provider_names_as_of_the_hop_do_not_come_back(road: Road) -> None:
    def part(exchange: Exchange) -> None:
        lines = {"content-type": "application/json", "content-length": str(len(ANSWER)),
                 "connection": "keep-alive, x-hop", "x-hop": "1"}  # fmt: skip
        exchange.send(head(200, lines), ANSWER)

    assert "x-hop" not in road.chat(road.case(part)).headers


def test_the_callers_headers_travel_but_for_those_that_are_ours_or_of_the_hop(road: Road) -> None:
    case = road.case(good)
    road.chat(
        case,
        cookie="session=1", x_api_key="other", api_key="other", x_goog_api_key="other", te="trailers",
        x_turnpike_tags="app=x", x_turnpike_session="s", X_Turnpike_Debug="timing", x_forwarded_for="10.0.0.1",
        proxy_authorization="Basic x", connection="keep-alive, x-hop", x_hop="1", accept_encoding="gzip, br",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate="a=b",
        openai_beta="assistants=v2", x_stainless_lang="python", x_unknown="kept", idempotency_key="k1",
    )  # fmt: skip
    (received,) = road.received(case)
    names = [name for name, _ in received.lines]
    assert len(names) == len(set(names))
    (mark,) = [name for name in names if name.startswith("x-hop-")]
    assert received.headers == {
        mark: "1",
        "host": road.upstream.url.removeprefix("http://"),
        "authorization": f"Bearer {CREDENTIAL}",
        "accept-encoding": "identity",
        "accept": "*/*",
        "user-agent": received.headers["user-agent"],
        "content-type": "application/json",
        "content-length": received.headers["content-length"],
        CASE: case,
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "tracestate": "a=b",
        "openai-beta": "assistants=v2",
        "x-stainless-lang": "python",
        "x-unknown": "kept",
    }


def test_timing_is_told_when_asked_for(road: Road) -> None:
    told_of = road.chat(road.case(good), x_turnpike_debug="timing").headers["server-timing"]
    assert told_of.startswith("auth;dur=")
    assert "upstream;dur=" in told_of
    assert "server-timing" not in road.chat(road.case(good)).headers
