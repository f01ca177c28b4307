"""Limits of time, the route's and the caller's, over real sockets."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest

from tests.system.parts import Part, good, quiet, told
from tests.system.road import CHAT, Road, chat_body
from tests.system.upstream import CASE, LAST_CHUNK, Exchange, chunk, head


def half_then_quiet(exchange: Exchange) -> None:
    exchange.send(head(200, {"content-type": "application/json", "content-length": "99"}), b'{"id":')
    exchange.left(5)


def drop_by_drop(exchange: Exchange) -> None:
    exchange.send(head(200, {"content-type": "application/json", "content-length": "9999"}))
    with suppress(OSError):
        while not exchange.left(0.05):
            exchange.send(b" ")


def pings(exchange: Exchange) -> None:
    exchange.stream()
    with suppress(OSError):
        while not exchange.left(0.05):
            exchange.send(chunk(b": still there\n\n"))


@pytest.mark.parametrize(
    ("model", "part", "headers", "within_seconds"),
    [
        ("slow-first-byte-gpt", quiet, {}, 1.0),
        ("silent-gpt", half_then_quiet, {}, 1.0),
        ("long-gpt", drop_by_drop, {}, 1.2),
        ("gpt", quiet, {"x_turnpike_timeout_ms": "200"}, 0.8),
        ("gpt", drop_by_drop, {"x_turnpike_timeout_ms": "200"}, 0.8),
        ("gpt", quiet, {"x_turnpike_first_token_timeout_ms": "200"}, 0.8),
    ],
)  # fmt: skip
def test_a_limit_of_time_ends_the_call(
    road: Road, model: str, part: Part, headers: dict[str, str], within_seconds: float
) -> None:
    case = road.case(part)
    began = time.monotonic()
    answer = road.post(CHAT, chat_body(model), case, **headers)
    assert told(answer) == (504, "upstream_timeout")
    assert time.monotonic() - began < within_seconds
    assert answer.headers["x-turnpike-attempts"] == "1"
    assert len(road.received(case)) == 1


def test_pings_are_no_first_token(road: Road) -> None:
    case = road.case(pings)
    answer = road.chat(case, stream=True, x_turnpike_first_token_timeout_ms="300")
    assert answer.text.startswith(": still there")
    assert '"code":"upstream_timeout"' in answer.text


def test_the_first_token_ends_the_callers_wait_for_it(road: Road) -> None:
    def part(exchange: Exchange) -> None:
        exchange.stream(b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n')
        exchange.left(0.5)
        exchange.send(chunk(b"data: [DONE]\n\n"), LAST_CHUNK)

    answer = road.chat(road.case(part), stream=True, x_turnpike_first_token_timeout_ms="200")
    assert answer.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("header", ["x_turnpike_timeout_ms", "x_turnpike_first_token_timeout_ms"])
@pytest.mark.parametrize("value", ["0", "-1", "1.5", "soon", "86400001", "9" * 30, "²"])
def test_a_deadline_that_is_none_is_refused(road: Road, header: str, value: str) -> None:
    case = road.case(good)
    content = json.dumps(chat_body()).encode()
    headers = {
        header.replace("_", "-").encode(): value.encode(),
        b"x-api-key": b"caller-key-0123456789-research",
    }
    answer = road.http.post(
        "/v1/chat/completions", content=content, headers={**headers, CASE.encode(): case.encode()}
    )
    assert told(answer) == (400, "invalid_request")
    assert road.received(case) == []


def test_a_caller_cannot_wait_longer_than_the_route(road: Road) -> None:
    began = time.monotonic()
    answer = road.chat(road.case(quiet), "slow-first-byte-gpt", x_turnpike_timeout_ms="60000")
    assert told(answer) == (504, "upstream_timeout")
    assert time.monotonic() - began < 1
