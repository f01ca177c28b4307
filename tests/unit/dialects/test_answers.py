"""What each dialect reads of an answer, whole or in events."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from tests.unit.dialects.streams import STREAMS, opened
from turnpike.dialects.anthropic_messages import COUNT_TOKENS, MESSAGES
from turnpike.dialects.openai_chat import CHAT, COMPLETIONS
from turnpike.dialects.openai_embeddings import EMBEDDINGS
from turnpike.dialects.openai_responses import INPUT_TOKENS, KEPT, RESPONSES
from turnpike.dialects.speech import Speech
from turnpike.domain.errors import UpstreamInvalid
from turnpike.domain.usage import UNKNOWN, Usage

GOOD: dict[str, tuple[Speech, dict[str, Any]]] = {
    "chat": (CHAT, {"choices": []}),
    "completions": (COMPLETIONS, {"choices": []}),
    "embeddings": (EMBEDDINGS, {"data": []}),
    "responses": (RESPONSES, {"id": "resp_1", "output": []}),
    "input_tokens": (INPUT_TOKENS, {"input_tokens": 3}),
    "kept": (KEPT, {}),
    "messages": (MESSAGES, {"content": []}),
    "count_tokens": (COUNT_TOKENS, {"input_tokens": 3}),
}


def facts_of(speech: Speech, answer: dict[str, Any]) -> Any:
    return speech.read_answer(json.dumps(answer).encode())


@pytest.mark.parametrize("name", GOOD)
def test_an_answer_may_hold_more_than_is_known(name: str) -> None:
    speech, answer = GOOD[name]
    assert facts_of(speech, answer | {"new": {"field": [1]}}).usage == UNKNOWN


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("body", [b"", b" ", b"<html></html>", b"{", b"null", b"[]", b'"text"', b"\xff"])
def test_what_is_no_answer_is_invalid(name: str, body: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        GOOD[name][0].read_answer(body)


@pytest.mark.parametrize("name", set(GOOD) - {"kept"})
def test_an_object_without_the_dialects_own_field_is_invalid(name: str) -> None:
    with pytest.raises(UpstreamInvalid):
        facts_of(GOOD[name][0], {"error": {"message": "no"}})


def test_openais_usage_is_read_in_both_namings() -> None:
    chat = {
        "prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }  # fmt: skip
    responses = {
        "input_tokens": 9, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4},
        "output_tokens_details": {"reasoning_tokens": 2},
    }  # fmt: skip
    expected = Usage(9, 5, cache_read_tokens=4, reasoning_tokens=2)
    assert facts_of(CHAT, {"choices": [], "usage": chat}).usage == expected
    assert facts_of(RESPONSES, {"id": "r", "output": [], "usage": responses}).usage == expected


@pytest.mark.parametrize(
    "odd", ["text", [1], {"prompt_tokens": "9"}, {"prompt_tokens": -1}, {"prompt_tokens": True}]
)
def test_odd_usage_is_unknown_and_no_fault(odd: Any) -> None:
    assert facts_of(CHAT, {"choices": [], "usage": odd}).usage == UNKNOWN


def test_anthropics_input_counts_what_came_from_and_went_to_the_cache() -> None:
    usage = {
        "input_tokens": 3,
        "cache_creation_input_tokens": 10,
        "cache_read_input_tokens": 100,
        "output_tokens": 7,
    }
    assert facts_of(MESSAGES, {"id": "msg_1", "content": [], "usage": usage}).usage == Usage(
        113, 7, cache_read_tokens=100, cache_write_tokens=10
    )


@pytest.mark.parametrize("name", STREAMS)
def test_no_stream_has_ended_before_its_terminator_is_whole(name: str) -> None:
    speech, text, _ = STREAMS[name]
    blank = 4 if text.endswith(b"\r\n\r\n") else 2
    for end in range(len(text) - blank):
        stream = opened(speech)
        passed = stream.feed(text[:end])
        if text[:end].rstrip() != text.rstrip():
            last = stream.finish() if end else b""
            assert not stream.ended, text[:end][-60:]
            assert text.startswith(passed + last)


@pytest.mark.parametrize("data", [b'"abc', b"[1,2", b"12 x", b"nul", b"hello", b"<html>", b"{broken"])
@pytest.mark.parametrize("speech", [CHAT, RESPONSES, MESSAGES], ids=lambda speech: speech.surface)
def test_an_event_that_is_no_json_is_refused_however_it_begins(speech: Speech, data: bytes) -> None:
    with pytest.raises(UpstreamInvalid):
        opened(speech).feed(b"data: " + data + b"\n\n")


@pytest.mark.parametrize(
    "event", [b'data: "ping"\n\n', b"data: null\n\n", b": a comment\n\n", b"data: [DONE]\n\n"]
)
@pytest.mark.parametrize("speech", [CHAT, RESPONSES, MESSAGES], ids=lambda speech: speech.surface)
def test_an_event_that_says_nothing_here_passes(speech: Speech, event: bytes) -> None:
    assert opened(speech).feed(event) == event


@pytest.mark.parametrize("name", STREAMS)
def test_events_before_a_broken_one_are_given_and_then_the_fault(name: str) -> None:
    speech, text, _ = STREAMS[name]
    stream = opened(speech)
    first = text[: text.index(b"}\n\n") + 3] if b"}\n\n" in text else text[: text.index(b"\r\n\r\n") + 4]
    assert stream.feed(first + b"data: {broken\n\n" + text) == first
    assert isinstance(stream.fault, UpstreamInvalid)
    with pytest.raises(UpstreamInvalid):
        opened(speech).feed(b"data: {broken\n\n")


@pytest.mark.parametrize(
    ("speech", "event"),
    [
        (CHAT, b'data: {"error":{"message":"x"}}\n\n'),
        (RESPONSES, b'event: error\ndata: {"type":"error","message":"x"}\n\n'),
        (RESPONSES, b'event: response.failed\ndata: {"type":"response.failed","response":{"id":"r"}}\n\n'),
        (MESSAGES, b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error"}}\n\n'),
    ],
)
def test_the_providers_error_event_is_a_failure(speech: Speech, event: bytes) -> None:
    stream = opened(speech)
    assert stream.feed(event) == event
    assert stream.failed


@pytest.mark.parametrize("name", ["chat", "messages", "responses"])
def test_nothing_passes_behind_the_providers_error_event(name: str) -> None:
    """A client that skips error events would else see a stream that is whole."""
    speech, text, _ = STREAMS[name]
    error = b'event: error\ndata: {"type":"error","error":{"message":"x"}}\n\n'
    stream = opened(speech)
    assert stream.feed(error + text) == error
    assert stream.feed(text) == b""
    assert stream.failed
    assert not stream.ended


@pytest.mark.parametrize("speech", [CHAT, RESPONSES, MESSAGES], ids=lambda speech: speech.surface)
def test_half_a_pair_of_surrogates_in_an_event_passes(speech: Speech) -> None:
    """Providers cut what a model says where they like, amid a pair too."""
    event = b'data: {"choices":[{"delta":{"content":"\\ud83d"}}],"delta":"\\ude00"}\n\n'
    assert opened(speech).feed(event) == event


@pytest.mark.parametrize("name", set(GOOD) - {"kept", "input_tokens", "count_tokens"})
def test_half_a_pair_of_surrogates_in_an_answer_passes(name: str) -> None:
    speech, answer = GOOD[name]
    assert facts_of(speech, answer | {"text": "\ud83d"}).usage == UNKNOWN


@pytest.mark.parametrize("name", ["chat", "embeddings", "responses", "messages"])
@pytest.mark.parametrize("odd", [{}, "x", 7, None])
def test_an_answer_whose_parts_are_no_array_is_invalid(name: str, odd: Any) -> None:
    speech, answer = GOOD[name]
    field = next(field for field in answer if field != "id")
    with pytest.raises(UpstreamInvalid):
        facts_of(speech, answer | {field: odd})


@pytest.mark.parametrize("name", ["chat", "embeddings", "responses", "messages"])
def test_what_a_lying_provider_sends_takes_no_memory_of_its_own(name: str) -> None:
    """Five million numbers as objects would take two hundred times what they take as text."""
    speech, answer = GOOD[name]
    field = next(field for field in answer if field != "id")
    numbers = b"[" + b"0," * 499_999 + b"0]"
    body = b'{"id":%b,"usage":%b,"%b":%b}' % (
        b'"r"' if name == "responses" else numbers,
        numbers,
        field.encode(),
        numbers,
    )
    tracemalloc.start()
    try:
        assert speech.read_answer(body).usage == UNKNOWN
        assert tracemalloc.get_traced_memory()[1] < 80_000_000
    finally:
        tracemalloc.stop()


def test_an_event_of_too_many_lines_is_refused() -> None:
    with pytest.raises(UpstreamInvalid):
        opened(CHAT).feed(b"data:\n" * 100_001 + b"\n")
    comments = b":\n" * 1_000_000 + b"data: {}\n\n"
    assert opened(CHAT).feed(comments) == comments


@pytest.mark.parametrize("kind", ["completed", "incomplete", "cancelled", "failed"])
def test_a_response_ends_in_one_of_four_ways(kind: str) -> None:
    stream = opened(RESPONSES)
    stream.feed(f'data: {{"type":"response.{kind}","response":{{"id":"r"}}}}\n\n'.encode())
    assert stream.ended


@pytest.mark.parametrize("speech", [CHAT, RESPONSES, MESSAGES])
@pytest.mark.parametrize("data", [b"[]", b'"text"', b"7", b'{"type":7}', b'{"new":1}'])
def test_unknown_events_pass(speech: Speech, data: bytes) -> None:
    stream = opened(speech)
    assert stream.feed(b"data: " + data + b"\n\n") == b"data: " + data + b"\n\n"
    assert not stream.ended


def test_a_kept_response_that_is_streamed_again_consumes_nothing_again() -> None:
    _, data, _ = STREAMS["responses"]
    made, again = opened(RESPONSES), opened(KEPT)
    assert made.feed(data) == again.feed(data) == data
    assert (made.usage, again.usage) == (Usage(9, 5), UNKNOWN)
    assert again.ended


def test_items_whose_ids_no_request_may_refer_to_are_left_out() -> None:
    items = [{"id": "m" * length} for length in (1_024, 1_025, 60_000)]
    facts = RESPONSES.read_answer(json.dumps({"id": "resp_1", "output": items}).encode())
    assert facts.items == ("m" * 1_024,)
