"""Each error code of the road, met over a real socket, in the form of whoever asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.architecture.tree import REPOSITORY
from tests.system.parts import good, quiet
from tests.system.road import CHAT, HELLO, KEY, MESSAGES, Road, a_road, chat_body, message_body
from tests.system.upstream import CASE, Exchange
from tests.system.wire import Answer, ask
from turnpike.domain import errors

HEAD = b"POST %b HTTP/1.1\r\nhost: x\r\nx-api-key: " + KEY.encode() + b"\r\n"
EXPIRED, REVOKED, NARROW = (
    "key-expired-for-codes-001",
    "key-revoked-for-codes-001",
    "key-narrow-for-codes-0001",
)
NOT_OF_THE_ROAD = {
    "permission_denied": "of the control API",
    "conflict": "of the control API",
    "store_unavailable": "of the control API",
    "rate_limited": "of the control API",
    "idempotency_mismatch": "of the control API",
    "unsupported_parameter": "of translations between dialects",
    "client_closed": "nobody is there to read it: test_callers_that_leave",
    "upstream_rejected": "the caller gets the provider's own words: test_upstream_faults",
    "upstream_interrupted": "needs an answer that begins: test_cut_streams, test_upstream_faults",
    "draining": "test_drain and test_kill",
    "overloaded": "below, with a caller too many",
    "not_ready": "test_kill",
    "internal_error": "no request is known that brings it about",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _keys(road: Road) -> Iterator[None]:
    own: list[dict[str, Any]] = [
        {"name": "code-expired", "team": "research", "secret": EXPIRED, "expires_at": "2020-01-01T00:00:00Z"},
        {"name": "code-revoked", "team": "research", "secret": REVOKED, "revoked": True},
        {"name": "code-narrow", "team": "research", "secret": NARROW, "models": ["gpt"], "surfaces": ["openai.chat"]},
    ]  # fmt: skip
    models = [
        {"name": "gone", "targets": [{"provider": "passing", "model": "m"}]},
    ]
    providers = [{"name": "passing", "kind": "openai-compatible", "base_url": f"{road.upstream.url}/v1"}]
    road.apply("codes", {"keys": own, "models": models, "providers": providers})
    yield
    road.apply("codes", {})


def request(path: str, body: Any, *lines: str, key: str | None = KEY) -> bytes:
    """A request, byte for byte, with its length."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"POST {path} HTTP/1.1", "host: x", f"content-length: {len(data)}", *lines]
    head += [f"x-api-key: {key}"] if key else []
    return "\r\n".join(head).encode() + b"\r\n\r\n" + data


def of_chat(*lines: str, key: str | None = KEY, **fields: Any) -> tuple[bytes, bytes]:
    """The same fault in a chat completion and in a message."""
    chat = request(CHAT, chat_body() | fields, *lines, key=key)
    message = request(MESSAGES, message_body() | fields, *lines, key=key)
    return chat, message


def both(data: bytes) -> tuple[bytes, bytes]:
    """The same request to each dialect's path."""
    return data.replace(b"%b", CHAT.encode()), data.replace(b"%b", MESSAGES.encode())


BEFORE_THE_PROVIDER: dict[tuple[int, str], tuple[bytes, bytes]] = {
    (400, "invalid_request"): of_chat(model=7),
    (400, "invalid_json"): both(HEAD + b"content-length: 5\r\n\r\n{nope"),
    (400, "invalid_tags"): of_chat("x-turnpike-tags: NO"),
    (401, "missing_key"): of_chat(key=None),
    (401, "invalid_key"): of_chat(key="sk-nobody-knows-this-one"),
    (401, "expired_key"): of_chat(key=EXPIRED),
    (401, "revoked_key"): of_chat(key=REVOKED),
    (403, "model_not_allowed"): (of_chat(key=NARROW, model="claude")[0],) * 2,
    (403, "surface_not_allowed"): (of_chat(key=NARROW)[1],) * 2,
    (403, "policy_denied"): of_chat("x-turnpike-user: alice"),
    (404, "model_not_found"): of_chat(model="nowhere"),
    (404, "not_found"): (request("/v1/nowhere", {}), request("/v1/messages/nowhere", {})),
    (405, "method_not_allowed"): both(HEAD.replace(b"POST", b"GET") + b"\r\n"),
    (408, "request_timeout"): both(HEAD + b"content-length: 5\r\n\r\n{"),
    (411, "length_required"): both(HEAD.replace(b"/1.1", b"/1.0") + b"\r\n{}"),
    (413, "payload_too_large"): both(HEAD + b"content-length: 999999999\r\n\r\n"),
    (415, "unsupported_media_type"): of_chat("content-encoding: br"),
    (417, "expectation_failed"): of_chat("expect: the-unexpected"),
    (431, "headers_too_large"): both(HEAD + b"x-much: " + b"x" * 70_000 + b"\r\n\r\n"),
}  # fmt: skip


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """A gateway that gives a body little time, and takes one call at a time."""
    with a_road(
        tmp_path_factory.mktemp("hasty"),
        TURNPIKE_EDGE_BODY_SECONDS="0.2",
        TURNPIKE_EDGE_CALLS_IN_FLIGHT="1",
    ) as road:
        yield road


@pytest.mark.parametrize("fault", BEFORE_THE_PROVIDER, ids=lambda fault: fault[1])
def test_a_fault_of_the_callers_has_its_code_in_both_dialects(
    road: Road, hasty: Road, fault: tuple[int, str]
) -> None:
    status, code = fault
    url = hasty.url if code == "request_timeout" else road.url
    openais, anthropics = (ask(url, data) for data in BEFORE_THE_PROVIDER[fault])
    assert (openais.status, openais.json["error"]["code"]) == (status, code)
    assert (anthropics.status, anthropics.json["error"]["code"]) == (status, code)
    for answer in (openais, anthropics):
        check_head(answer)
        assert answer.headers.get("retry-after") is None


DIALECTS = {"openai": (CHAT, chat_body()), "anthropic": (MESSAGES, message_body())}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_both_dialects_have_their_own_shape(road: Road, dialect: str) -> None:
    path, body = DIALECTS[dialect]
    answer = ask(road.url, request(path, body, key=None))
    call_id = answer.headers["x-turnpike-call-id"]
    message = answer.json["error"]["message"]
    expected = {
        "openai": {"error": {"message": message, "type": "authentication_error", "param": None, "code": "missing_key"}},
        "anthropic": {
            "type": "error",
            "error": {"type": "authentication_error", "message": message, "code": "missing_key"},
            "request_id": call_id,
        },
    }  # fmt: skip
    assert answer.json == expected[dialect]


def cut(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{")
    exchange.close()


FROM_THE_PROVIDER = {
    (502, "upstream_failed"): Exchange.close,
    (502, "upstream_invalid"): lambda e: e.answer(200, b"<html>"),
    (502, "upstream_unauthorized"): lambda e: e.answer(401, b"{}"),
    (429, "upstream_rate_limited"): lambda e: e.answer(429, b"<html>"),
    (502, "upstream_interrupted"): cut,
    (504, "upstream_timeout"): quiet,
}


@pytest.mark.parametrize("fault", FROM_THE_PROVIDER, ids=lambda fault: fault[1])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_fault_of_the_providers_has_its_code(road: Road, dialect: str, fault: tuple[int, str]) -> None:
    path, body = DIALECTS[dialect]
    case = road.case(FROM_THE_PROVIDER[fault])
    limited = body | {"model": f"slow-first-byte-{body['model']}"}
    answer = ask(road.url, request(path, limited, f"{CASE}: {case}"))
    assert (answer.status, answer.json["error"]["code"]) == fault
    check_head(answer)


def test_a_provider_that_is_configured_no_more_is_unavailable(road: Road) -> None:
    case = road.case(lambda e: e.answer(200, b'{"id":"resp_kept_by_one_that_went","output":[]}'))
    first = ask(road.url, request("/v1/responses", {"model": "gone", "input": "x"}, f"{CASE}: {case}"))
    assert first.status == 200
    road.apply("codes", {})
    asked = b"GET /v1/responses/resp_kept_by_one_that_went HTTP/1.1\r\nhost: x\r\nx-api-key: " + KEY.encode()
    answer = ask(road.url, asked + b"\r\n\r\n")
    assert (answer.status, answer.json["error"]["code"]) == (503, "upstream_unavailable")
    check_waits(answer)


def test_one_call_more_than_the_gateway_takes_is_told_to_come_again(hasty: Road) -> None:
    def part(exchange: Exchange) -> None:
        for dialect in DIALECTS.values():
            answer = ask(hasty.url, request(*dialect))
            assert (answer.status, answer.json["error"]["code"]) == (503, "overloaded")
            check_waits(answer)
        good(exchange)

    assert hasty.chat(hasty.case(part)).status_code == 200


def test_every_code_is_met_here_or_has_its_place_elsewhere() -> None:
    met = {code for _, code in (*BEFORE_THE_PROVIDER, *FROM_THE_PROVIDER)} | {"upstream_unavailable"}
    assert met.isdisjoint(set(NOT_OF_THE_ROAD) - {"upstream_interrupted"})
    assert codes_of_the_code() == met | set(NOT_OF_THE_ROAD)
    table = (REPOSITORY / "docs" / "errors.md").read_text()
    assert codes_of_the_code() == set(re.findall(r"\| \d[^|]*\| `([a-z_]+)` \|", table))


def codes_of_the_code() -> set[str]:
    found = [getattr(kind, "code", None) for kind in vars(errors).values() if isinstance(kind, type)]
    return {code for code in found if code is not None}


def check_head(answer: Answer) -> None:
    """What every error carries."""
    call_id = answer.headers["x-turnpike-call-id"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", call_id)
    assert answer.headers["x-request-id"] == answer.headers["request-id"] == call_id
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.json["error"]["message"]) > 15
    assert HELLO[0]["content"] not in answer.json["error"]["message"]


def check_waits(answer: Answer) -> None:
    """What an error carries that is worth repeating."""
    check_head(answer)
    assert answer.headers["x-should-retry"] == "true"
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert 1 <= int(answer.headers["retry-after-ms"]) <= 60_000
