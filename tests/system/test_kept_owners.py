"""Whose a kept response is, its items and conversations too, over real sockets: its owner's alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.system.road import Document, Road
from tests.system.upstream import Exchange

NARROW, TAGGED, SERVICE = (
    "key-with-one-model-000002",
    "key-that-requires-tags-02",
    "key-that-acts-for-users-2",
)
OTHER_MODEL = "key-of-research-and-one-model-2"

DOCUMENT: Document = {
    "models": [{"name": "allowed-gpt", "targets": [{"provider": "fake-openai", "model": "gpt-4o"}]}],
    "teams": [
        {"name": "narrow", "models": ["allowed-*"], "surfaces": ["openai.*"]},
        {"name": "tagged", "models": ["*"], "required_tags": ["app"]},
    ],
    "keys": [
        {"name": "narrow", "team": "narrow", "secret": NARROW},
        {"name": "tagged", "team": "tagged", "secret": TAGGED},
        {"name": "service", "team": "research", "secret": SERVICE, "acts_for": ["*@example.com"]},
        {"name": "other-model", "team": "research", "secret": OTHER_MODEL, "models": ["allowed-gpt"]},
    ],
}


@pytest.fixture(scope="module", autouse=True)
def _organisation(road: Road) -> Iterator[None]:
    road.apply("owners", DOCUMENT)
    yield
    road.apply("owners", {})


def code_of(answer: httpx.Response) -> str | None:
    return answer.json()["error"]["code"] if answer.status_code >= 400 else None


def test_a_kept_response_is_touched_by_its_owner_alone(road: Road) -> None:
    body = b'{"id":"resp_of_research","object":"response","output":[]}'
    case = road.case(lambda e: e.answer(200, body))
    road.post("/v1/responses", {"model": "gpt", "input": "x"}, case)
    assert road.get("/v1/responses/resp_of_research", case).content == body
    assert road.get("/v1/responses/resp_of_research", case, key=SERVICE).content == body
    for key in (NARROW, TAGGED):
        other = road.get("/v1/responses/resp_of_research", case, key=key, x_turnpike_tags="app=x")
        assert (other.status_code, code_of(other)) == (404, "not_found")
    going_on = {"model": "allowed-gpt", "input": "x", "previous_response_id": "resp_of_research"}
    assert code_of(road.post("/v1/responses", going_on, case, key=NARROW)) == "not_found"
    assert len(road.received(case)) == 3


def refusal_of(road: Road, case: str, key: str, body: dict[str, Any]) -> str | None:
    return code_of(road.post("/v1/responses", {"model": "allowed-gpt", "input": "x"} | body, case, key=key))


@pytest.mark.parametrize("stream", [False, True])
def test_items_of_a_response_are_referred_to_by_its_owner_alone(road: Road, stream: bool) -> None:
    name = f"msg_of_research_{stream}"
    made = {"id": f"resp_with_items_{stream}", "output": [{"type": "message", "id": name, "content": []}]}
    event = {"type": "response.completed", "response": made}
    case = road.case(
        (lambda e: e.answer(200, f"data: {json.dumps(event)}\n\n".encode(), content_type="text/event-stream"))
        if stream
        else (lambda e: e.answer(200, json.dumps(made).encode()))
    )
    road.post("/v1/responses", {"model": "gpt", "input": "x", "stream": stream}, case)
    for reference in (
        {"type": "item_reference", "id": name},
        {"id": name},
        {"type": "reasoning", "id": name},
    ):
        body = {"input": [{"role": "user", "content": "x"}, reference], "stream": stream}
        assert refusal_of(road, case, NARROW, body) == "not_found"
        assert road.post("/v1/responses", {"model": "gpt"} | body, case).status_code == 200
    assert len(road.received(case)) == 4


def responses_events(*events: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


@pytest.mark.parametrize("how", ["polled", "cancelled", "streamed"])
def test_items_of_a_background_response_are_its_owners_once_they_are_seen(road: Road, how: str) -> None:
    name, path = f"msg_in_background_{how}", f"/v1/responses/resp_in_background_{how}"
    made = {"id": f"resp_in_background_{how}", "status": "queued", "output": []}
    done = made | {"status": "completed", "output": [{"type": "message", "id": name, "content": []}]}
    made_case = road.case(lambda e: e.answer(200, json.dumps(made).encode()))
    assert road.post(
        "/v1/responses", {"model": "gpt", "input": "x", "background": True}, made_case
    ).is_success
    body, content_type = json.dumps(done).encode(), "application/json"
    if how == "streamed":
        body, content_type = (
            responses_events({"type": "response.completed", "response": done}),
            "text/event-stream",
        )
    case = road.case(lambda e: e.answer(200, body, content_type=content_type))
    for _ in range(2):
        # A colleague of the owner's may look, too; the items are the owner's all the same.
        if how == "cancelled":
            seen = road.post(f"{path}/cancel", {}, case, key=SERVICE)
        else:
            seen = road.get(path + ("?stream=true" if how == "streamed" else ""), case, key=SERVICE)
        assert seen.content == body
    reference = {"input": [{"type": "item_reference", "id": name}]}
    assert refusal_of(road, case, NARROW, reference) == "not_found"
    assert road.post("/v1/responses", {"model": "gpt"} | reference, made_case).status_code == 200


def test_items_of_a_stream_that_broke_off_are_its_callers(road: Road) -> None:
    events = responses_events(
        {"type": "response.created", "response": {"id": "resp_cut_off", "output": []}},
        {
            "type": "response.output_item.added",
            "item": {"type": "message", "id": "msg_cut_off", "content": []},
        },
    )

    def part(exchange: Exchange) -> None:
        exchange.stream(events)
        exchange.close()

    cut = road.post("/v1/responses", {"model": "gpt", "input": "x", "stream": True}, road.case(part))
    assert b"upstream_interrupted" in cut.content
    case = road.case(lambda e: e.answer(200, b'{"id":"resp_after_the_cut","output":[]}'))
    reference = {"input": [{"type": "item_reference", "id": "msg_cut_off"}]}
    assert refusal_of(road, case, NARROW, reference) == "not_found"
    assert road.post("/v1/responses", {"model": "gpt"} | reference, case).status_code == 200


@pytest.mark.parametrize("conversation", ["conv_text", {"id": "conv_object"}])
def test_a_conversation_belongs_to_who_used_it_first(road: Road, conversation: Any) -> None:
    case = road.case(lambda e: e.answer(200, b'{"id":"resp_turn","output":[]}'))
    turn = {"model": "gpt", "input": "x", "conversation": conversation, "store": False}
    assert road.post("/v1/responses", turn, case).status_code == 200
    assert road.post("/v1/responses", turn, case, key=SERVICE).status_code == 200
    assert refusal_of(road, case, NARROW, {"conversation": conversation}) == "not_found"
    assert len(road.received(case)) == 2


def test_a_kept_response_is_refused_to_a_key_that_may_no_longer_use_its_model(road: Road) -> None:
    case = road.case(lambda e: e.answer(200, b'{"id":"resp_of_gpt","output":[]}'))
    road.post("/v1/responses", {"model": "gpt", "input": "x"}, case)
    assert road.get("/v1/responses/resp_of_gpt", case).status_code == 200
    refused = road.get("/v1/responses/resp_of_gpt", case, key=OTHER_MODEL)
    assert (refused.status_code, code_of(refused)) == (403, "model_not_allowed")
    assert (
        road.http.delete("/v1/responses/resp_of_gpt", headers={"x-api-key": OTHER_MODEL}).status_code == 403
    )
    assert len(road.received(case)) == 2


def test_a_service_reaches_a_kept_response_only_for_the_user_who_had_it_made(road: Road) -> None:
    body = b'{"id":"resp_of_alice","object":"response","output":[]}'
    case = road.case(lambda e: e.answer(200, body))
    asked = {"model": "gpt", "input": "x"}
    road.post("/v1/responses", asked, case, key=SERVICE, x_turnpike_user="alice@example.com")
    for_alice, for_bob = (
        road.get("/v1/responses/resp_of_alice", case, key=SERVICE, x_turnpike_user=f"{name}@example.com")
        for name in ("alice", "bob")
    )
    assert for_alice.content == body
    assert code_of(for_bob) == "not_found"


def test_a_kept_response_is_read_without_the_tags_that_making_it_required(road: Road) -> None:
    body = b'{"id":"resp_tagged","object":"response","output":[]}'
    case = road.case(lambda e: e.answer(200, body))
    asked = {"model": "gpt", "input": "x"}
    road.post("/v1/responses", asked, case, key=TAGGED, x_turnpike_tags="app=x")
    assert road.get("/v1/responses/resp_tagged", case, key=TAGGED).content == body
