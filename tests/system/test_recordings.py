"""Recorded conversations pass through the running product byte for byte, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import anthropic
import openai
import pytest
from anthropic.types import Message, MessageTokensCount, RawMessageStreamEvent
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent

from tests.system.parts import answering
from tests.system.recordings import (
    ABSENT,
    RECORDINGS,
    Recording,
    pieces,
    read_recordings,
    read_retrievals,
    written,
)
from tests.system.road import CREDENTIAL, KEY, Road, a_road
from tests.system.upstream import CASE, LAST_CHUNK, Exchange, chunk, head

SPEAKERS_OF_OPENAI = (
    "azure", "bedrock-openai", "cerebras", "crusoe", "deepseek", "groq", "huggingface", "mistral", "ollama",
    "openai", "openrouter", "snowflake", "voyage", "zai",
)  # fmt: skip
PROVIDERS = ("anthropic", *SPEAKERS_OF_OPENAI)
TINY, SMALL, LARGE = 7, 80, 4000
"""How large the pieces of a stream are at most."""


@pytest.fixture(scope="module")
def recordings() -> list[Recording]:
    if not RECORDINGS.exists():
        pytest.skip(ABSENT)
    return read_recordings()


@pytest.fixture(scope="module")
def road(recordings: list[Recording], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """The product with a provider for each that was recorded, and its models under two names."""
    with a_road(tmp_path_factory.mktemp("recordings")) as road:
        road.apply("recorded", document_of(recordings, road.upstream.url))
        yield road


def document_of(recordings: list[Recording], url: str) -> dict[str, list[dict[str, Any]]]:
    bases = {
        r.label: {
            "name": r.label,
            "kind": "anthropic" if r.speaks_anthropic else "openai-compatible",
            "base_url": f"{url}{r.base.removesuffix('/v1') if r.speaks_anthropic else r.base}",
            "credential": CREDENTIAL,
        }
        for r in recordings
    }
    patterns = [
        {"name": f"{label}/*", "targets": [{"provider": label, "model": "*"}]} for label in sorted(bases)
    ]
    own = {
        r.request["model"]: {
            "name": r.request["model"],
            "targets": [{"provider": r.label, "model": r.request["model"]}],
        }
        for r in recordings
        if r.provider in ("openai", "anthropic")
    }
    return {"providers": list(bases.values()), "models": [*patterns, *own.values()]}


def test_every_provider_that_was_recorded_is_replayed(recordings: list[Recording]) -> None:
    assert {r.provider for r in recordings} == set(PROVIDERS)
    assert {r.surface for r in recordings if r.provider in ("openai", "anthropic")} == {
        "/chat/completions", "/responses", "/responses/compact", "/responses/input_tokens", "/embeddings",
        "/messages", "/messages/count_tokens",
    }  # fmt: skip
    assert len(recordings) > 600


@pytest.mark.parametrize("provider", PROVIDERS)
def test_with_another_model_name_nothing_else_changes(
    road: Road, recordings: list[Recording], provider: str
) -> None:
    own = [r for r in recordings if r.provider == provider]
    assert [fault for r in own for fault in faults_of(road, r, f"{r.label}/{r.request['model']}")] == []


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_with_the_providers_own_model_name_nothing_changes(
    road: Road, recordings: list[Recording], provider: str
) -> None:
    own = [r for r in recordings if r.provider == provider]
    assert [fault for r in own for fault in faults_of(road, r, r.request["model"])] == []


@pytest.mark.parametrize("most", [TINY, SMALL, LARGE])
def test_streams_pass_whole_wherever_they_are_cut(road: Road, recordings: list[Recording], most: int) -> None:
    streams = [r for r in recordings if r.is_stream and len(r.answer) < 20_000 * most]
    assert len(streams) > 30
    assert [fault for r in streams for fault in faults_of(road, r, f"{r.label}/m", most)] == []


def test_streams_keep_other_line_ends(road: Road, recordings: list[Recording]) -> None:
    faults = []
    for recording in [r for r in recordings if r.is_stream and r.provider in ("openai", "anthropic")][:12]:
        answer = recording.answer.replace(b"\n", b"\r\n")
        body = written(recording.request | {"model": f"{recording.label}/m"}, recording.id)
        played = road.case(partial(play_stream, answer=answer))
        came = road.post(recording.path, body, played, **recording.request_headers)
        faults += [recording.id] if came.content != answer else []
    assert faults == []


def test_recorded_retrievals_pass_with_their_query(road: Road) -> None:
    kept = read_retrievals()
    assert len(kept) == 3
    for path, answer in kept:
        response_id = path.rpartition("/")[2]
        made = road.case(answering(200, answer))
        road.post("/v1/responses", {"model": "gpt", "input": "x"}, made)
        asked = f"/v1/responses/{response_id}?include=usage&x=%2Fy"
        assert road.get(asked, made).content == answer
        assert road.http.delete(asked, headers={CASE: made, "api-key": KEY}).content == answer
        received = road.received(made)
        assert [(r.method, r.target, r.body) for r in received[1:]] == [
            ("GET", asked, b""),
            ("DELETE", asked, b""),
        ]


def play_stream(exchange: Exchange, answer: bytes) -> None:
    exchange.stream(*pieces(answer, "line ends", 50))
    exchange.send(LAST_CHUNK)


def faults_of(road: Road, recording: Recording, model: str, most: int = SMALL * 20) -> list[str]:
    """What did not come through as it was sent."""
    sent = written(recording.request | {"model": model}, recording.id)
    case = road.case(lambda exchange: replay(exchange, recording, most))
    headers = {"cookie": "session=canary", "accept": "*/*", **recording.request_headers}
    answer = road.post(recording.path, sent, case, x_turnpike_tags="app=canary", **headers)
    (received,) = road.received(case)
    upstream_model = recording.request["model"] if not model.endswith("/m") else "m"
    found = {
        "status": answer.status_code == recording.status,
        "answer": answer.content == recording.answer,
        "content-type": answer.headers["content-type"] == recording.response_headers["content-type"],
        "path": received.target == recording.upstream_path,
        "request": received.body == written(recording.request | {"model": upstream_model}, recording.id),
        "headers": all(received.headers.get(k) == v for k, v in recording.request_headers.items()),
        "ours": not any(name.startswith("x-turnpike") for name in received.headers),
        "caller's": not any(word in value for _, value in received.lines for word in ("canary", KEY)),
        "id": len(answer.headers.get("x-turnpike-call-id", "")) == 36,
    }
    return [f"{recording.id} {recording.path}: {name}" for name, is_right in found.items() if not is_right]


def replay(exchange: Exchange, recording: Recording, most: int) -> None:
    headers = dict(recording.response_headers)
    if not recording.is_stream:
        length = {"content-length": str(len(recording.answer))}
        exchange.send(head(recording.status, headers | length), recording.answer)
        return
    exchange.send(head(recording.status, headers | {"transfer-encoding": "chunked"}))
    exchange.send(*(chunk(piece) for piece in pieces(recording.answer, recording.id, most)), LAST_CHUNK)


# Read by the providers' own SDKs

OPENAI_TYPES: dict[str, tuple[Any, Any]] = {
    "/chat/completions": (ChatCompletion, openai.Stream[ChatCompletionChunk]),
    "/responses": (Response, openai.Stream[ResponseStreamEvent]),
    "/embeddings": (CreateEmbeddingResponse, None),
}
ANTHROPIC_TYPES: dict[str, tuple[Any, Any]] = {
    "/messages": (Message, anthropic.Stream[RawMessageStreamEvent]),
    "/messages/count_tokens": (MessageTokensCount, None),
}


def test_openais_sdk_reads_every_recorded_answer(road: Road, recordings: list[Recording]) -> None:
    own = [r for r in recordings if r.provider == "openai" and r.surface in OPENAI_TYPES and r.status == 200]
    with road.openai() as client:
        unread = [r.id for r in own if not is_read(road, client, r, r.surface, OPENAI_TYPES[r.surface])]
    assert len(own) > 300
    assert unread == []


def test_anthropics_sdk_reads_every_recorded_answer(road: Road, recordings: list[Recording]) -> None:
    own = [r for r in recordings if r.provider == "anthropic" and r.status == 200]
    with road.anthropic() as client:
        unread = [r.id for r in own if not is_read(road, client, r, r.path, ANTHROPIC_TYPES[r.surface])]
    assert len(own) > 170
    assert unread == []


def is_read(road: Road, client: Any, recording: Recording, path: str, types: tuple[Any, Any]) -> bool:
    """Whether the SDK reads the answer to its end and finds something in it."""
    whole, stream = types
    case = road.case(lambda exchange: replay(exchange, recording, SMALL))
    options = {"headers": recording.request_headers | {CASE: case}}
    if not recording.is_stream:
        answer = client.post(path, body=recording.request, cast_to=whole, options=options)
        return bool(answer.model_fields_set)
    events = client.post(
        path, body=recording.request, cast_to=whole, stream=True, stream_cls=stream, options=options
    )
    return len(list(events)) > 1
