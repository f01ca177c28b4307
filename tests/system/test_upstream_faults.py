"""What a provider can answer in place of an answer, each over a real socket: what the caller is told."""

from __future__ import annotations

import gzip
import json
from contextlib import suppress

import anthropic
import openai
import pytest

from tests.system.parts import ANSWER, JSON_HEAD, Part, answering, good, quiet, raw, told
from tests.system.road import Road, chat_body
from tests.system.running import wait_until
from tests.system.upstream import Exchange, chunk, head

PAGE = b"<html><head><title>502 Bad Gateway</title></head></html>"


def reset_with_a_delay(exchange: Exchange) -> None:
    exchange.left(0.05)
    exchange.reset()


NO_ANSWERS: dict[str, tuple[Part, int, str]] = {
    "a close before the head": (Exchange.close, 502, "upstream_failed"),
    "a reset before the head": (Exchange.reset, 502, "upstream_failed"),
    "a close amid the head": (raw(b"HTTP/1.1 200 OK\r\ncontent-"), 502, "upstream_failed"),
    "a close amid the body": (raw(JSON_HEAD, b'{"id":'), 502, "upstream_interrupted"),
    "a reset amid the body": (raw(JSON_HEAD, b'{"id":', then=reset_with_a_delay), 502, "upstream_interrupted"),
    "a close amid the chunks": (
        raw(head(200, {"transfer-encoding": "chunked"}), chunk(ANSWER)), 502, "upstream_interrupted"),
    "garbage": (raw(b"\x15\x03\x01\x00\x02\x02\x28 what is this"), 502, "upstream_invalid"),
    "a greeting of another protocol": (raw(b"220 mail.example ESMTP\r\n"), 502, "upstream_invalid"),
    "a head without end": (raw(b"HTTP/1.1 200 OK\r\n" + b"x-more: and more\r\n" * 20_000, then=quiet), 502,
                           "upstream_invalid"),
    "a change of protocol": (raw(head(101, {"upgrade": "x", "connection": "upgrade"}), then=quiet), 502,
                             "upstream_invalid"),
    "a page with 200": (lambda e: e.answer(200, PAGE, content_type="text/html"), 502, "upstream_invalid"),
    "a page with 502": (lambda e: e.answer(502, PAGE, content_type="text/html"), 502, "upstream_failed"),
    "a page with 503": (lambda e: e.answer(503, PAGE, content_type="text/html"), 502, "upstream_failed"),
    "a page with 504": (lambda e: e.answer(504, PAGE, content_type="text/html"), 504, "upstream_timeout"),
    "a page with 404": (lambda e: e.answer(404, PAGE, content_type="text/html"), 502, "upstream_invalid"),
    "nothing with 500": (lambda e: e.answer(500, b""), 502, "upstream_failed"),
    "nothing with 200": (lambda e: e.answer(200, b""), 502, "upstream_invalid"),
    "204": (raw(head(204, {})), 502, "upstream_invalid"),
    "broken JSON": (lambda e: e.answer(200, b'{"choices":['), 502, "upstream_invalid"),
    "JSON of another kind": (lambda e: e.answer(200, b'["choices"]'), 502, "upstream_invalid"),
    "JSON without an answer": (lambda e: e.answer(200, b'{"hello":"world"}'), 502, "upstream_invalid"),
    "an error with 200": (lambda e: e.answer(200, b'{"error":{"message":"no"}}'), 502, "upstream_invalid"),
    "a redirect": (lambda e: e.answer(302, b"", location="http://127.0.0.1:1/"), 502, "upstream_invalid"),
    "a damaged pack": (lambda e: e.answer(200, b"\x1f\x8bno", content_encoding="gzip"), 502, "upstream_invalid"),
    "a torn pack": (lambda e: e.answer(200, gzip.compress(ANSWER)[:-6], content_encoding="gzip"), 502,
                    "upstream_invalid"),
    "an unknown pack": (lambda e: e.answer(200, b"xx", content_encoding="br"), 502, "upstream_invalid"),
    "a status beyond HTTP's": (lambda e: e.answer(600, b'{"error":{"message":"no"}}'), 502, "upstream_invalid"),
    "the highest status that can be written": (lambda e: e.answer(999, b"{}"), 502, "upstream_invalid"),
    "a status below HTTP's": (raw(b"HTTP/1.1 099 Odd\r\ncontent-length: 2\r\n\r\n{}"), 502, "upstream_invalid"),
    "another length twice": (
        raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}}"), 502, "upstream_invalid"),
}  # fmt: skip


@pytest.mark.parametrize("fault", NO_ANSWERS)
def test_what_is_no_answer_is_told_as_an_error(road: Road, fault: str) -> None:
    part, status, code = NO_ANSWERS[fault]
    case = road.case(part)
    answer = road.chat(case)
    assert told(answer) == (status, code)
    assert len(road.received(case)) == 1
    assert answer.headers["x-turnpike-attempts"] == "1"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers.get("x-should-retry") == ("false" if code == "upstream_invalid" else None)
    assert road.chat(road.case(good)).content == ANSWER


@pytest.mark.parametrize("fault", ["a page with 200", "a close before the head", "a redirect"])
def test_anthropics_callers_are_told_in_their_form(road: Road, fault: str) -> None:
    part, status, code = NO_ANSWERS[fault]
    answer = road.message(road.case(part))
    body = answer.json()
    assert (answer.status_code, body["type"], body["error"]["type"]) == (status, "error", "api_error")
    assert (body["error"]["code"], body["request_id"]) == (code, answer.headers["request-id"])


def test_an_answer_that_is_too_large_is_refused(road: Road) -> None:
    def part(exchange: Exchange) -> None:
        piece = b" " * 1_000_000
        exchange.send(head(200, {"content-type": "application/json"}))
        with suppress(OSError):
            for _ in range(200):
                exchange.send(piece)

    answer = road.chat(road.case(part))
    assert told(answer) == (502, "upstream_invalid")
    assert "is over" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "endless", [b"x-late: " + b"a" * 100_000, b"x-late: 1\r\n" * 10_000, b"5;" + b"a" * 100_000]
)
def test_what_is_not_body_and_never_ends_is_refused(road: Road, endless: bytes) -> None:
    ended: list[bool] = []

    def part(exchange: Exchange) -> None:
        exchange.send(
            head(200, {"content-type": "application/json", "transfer-encoding": "chunked"}), chunk(ANSWER)
        )
        last = b"" if endless.startswith(b"5") else b"0\r\n"
        try:
            exchange.send(last, endless)
            for _ in range(200):
                exchange.send(
                    endless.removeprefix(b"x-late: ").removeprefix(b"5;") if b"a" in endless[8:] else endless
                )
        except OSError:
            ended.append(True)

    answer = road.chat(road.case(part))
    assert told(answer) == (502, "upstream_invalid")
    wait_until(lambda: bool(ended), "the provider was cut off")


# The gateway's own account at the provider


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_credential_is_never_the_callers_401(road: Road, status: int) -> None:
    body = b'{"error":{"message":"Incorrect API key provided: sk-ups***tial","type":"invalid_request_error"}}'
    part = answering(status, body, www_authenticate="Bearer")
    for answer in (road.chat(road.case(part)), road.message(road.case(part))):
        assert told(answer) == (502, "upstream_unauthorized")
        assert answer.headers["x-should-retry"] == "false"
        assert "www-authenticate" not in answer.headers
        assert "sk-ups" not in answer.text


def test_a_proxy_that_wants_a_credential_is_no_matter_of_the_callers(road: Road) -> None:
    """A client that is told 407 looks at its own proxy; this one stands between the gateway and the provider."""
    part = answering(407, b'{"error":{"message":"no"}}', proxy_authenticate="Basic")
    answer = road.chat(road.case(part))
    assert told(answer) == (502, "upstream_unauthorized")
    assert "`proxy`" in answer.json()["error"]["message"]
    assert "proxy-authenticate" not in answer.headers


def test_the_sdks_do_not_repeat_what_a_refused_credential_answers(road: Road) -> None:
    case = road.case(lambda e: e.answer(401, b'{"error":{"message":"no"}}'))
    with road.openai(case) as gpt, pytest.raises(openai.InternalServerError):
        gpt.with_options(max_retries=3).chat.completions.create(**chat_body())
    with road.anthropic(case) as claude, pytest.raises(anthropic.InternalServerError):
        claude.with_options(max_retries=3).messages.create(model="claude", max_tokens=1, messages=[])
    assert len(road.received(case)) == 2


# The provider's own refusals


@pytest.mark.parametrize("status", [400, 404, 409, 413, 422, 429, 500, 503, 529])
@pytest.mark.parametrize("dialect", ["chat", "message"])
def test_the_providers_own_errors_pass_as_they_are(road: Road, dialect: str, status: int) -> None:
    body = b'{ "error": {"message": "as it is", "type": "x", "extra": [1]}, "type": "error" }'
    case = road.case(lambda e: e.answer(status, body, x_ratelimit_remaining_requests="7"))
    answer = getattr(road, dialect)(case)
    assert (answer.status_code, answer.content) == (status, body)
    assert answer.headers["x-ratelimit-remaining-requests"] == "7"
    assert answer.headers["x-turnpike-attempts"] == "1"
    assert answer.headers["x-turnpike-target"].startswith("fake-")
    assert len(road.received(case)) == 1


@pytest.mark.parametrize(
    "body", [b'{"detail":"no such deployment"}', b'{"error": null, "object": "error"}', b"{}"]
)
def test_a_refusal_in_json_of_any_form_passes_as_it_is(road: Road, body: bytes) -> None:
    """What an SDK shows of its provider's errors does not change with the address that it asks."""
    case = road.case(answering(404, body))
    assert (road.chat(case).content, road.message(case).content) == (body, body)
    with road.openai(case) as gpt, pytest.raises(openai.NotFoundError) as caught:
        gpt.chat.completions.create(**chat_body())
    assert caught.value.response.content == body


def test_a_rate_limit_without_words_is_one_all_the_same(road: Road) -> None:
    part = answering(429, PAGE, content_type="text/html", retry_after="9")
    answer = road.chat(road.case(part))
    assert told(answer) == (429, "upstream_rate_limited")
    assert answer.headers["retry-after"] == "9"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"retry_after": "7"}, {"retry-after": "7"}),
        ({"retry_after": "86400"}, {"retry-after": "60"}),
        ({"retry_after": "-5"}, {"retry-after": "60"}),
        ({"retry_after": "nan"}, {"retry-after": "60"}),
        ({"retry_after": "Wed, 21 Oct 2099 07:28:00 GMT"}, {"retry-after": "60"}),
        (
            {"retry_after_ms": "9999999", "retry_after": "9999"},
            {"retry-after": "60", "retry-after-ms": "60000"},
        ),
        (
            {"x_should_retry": "true", "retry_after_ms": "20"},
            {"x-should-retry": "true", "retry-after-ms": "20"},
        ),
    ],
)
def test_a_wait_that_the_provider_asks_for_is_bounded(
    road: Road, given: dict[str, str], expected: dict[str, str]
) -> None:
    body = b'{"error":{"message":"slow down"}}'
    answer = road.chat(road.case(lambda e: e.answer(429, body, **given)))
    assert {name: answer.headers.get(name) for name in expected} == expected


def test_a_long_refusal_is_passed_on_or_told_as_a_failure(road: Road) -> None:
    body = b'{"error":{"message":"' + b"x" * 500_000 + b'"}}'
    assert road.chat(road.case(lambda e: e.answer(400, body))).content == body
    answer = road.chat(road.case(lambda e: e.answer(400, body * 3)))
    assert answer.status_code == 502


def test_a_refused_stream_is_a_refusal(road: Road) -> None:
    body = b'{"error":{"message":"context length","type":"invalid_request_error","param":null,"code":"x"}}'
    answer = road.chat(road.case(lambda e: e.answer(400, body)), stream=True)
    assert (answer.status_code, answer.content) == (400, body)


def test_a_models_name_makes_no_header_of_its_own(road: Road) -> None:
    body = b'{"error":{"message":"no such model"}}'
    name = "openai/x\r\nset-cookie: a=b\r\n\r\nbody ✓"
    for status in (404, 200):
        case = road.case(answering(status, body if status == 404 else ANSWER))
        answer = road.chat(case, name)
        assert answer.status_code == status
        assert "set-cookie" not in answer.headers
        assert answer.headers["x-turnpike-target"].startswith("fake-openai/x")
        assert json.loads(road.received(case)[0].body)["model"] == name.removeprefix("openai/")
