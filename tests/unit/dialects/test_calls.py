"""What each dialect reads of a request, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from turnpike.dialects.anthropic_messages import COUNT_TOKENS, MESSAGES
from turnpike.dialects.openai_chat import CHAT, COMPLETIONS
from turnpike.dialects.openai_embeddings import EMBEDDINGS
from turnpike.dialects.openai_responses import COMPACT, INPUT_TOKENS, RESPONSES
from turnpike.dialects.speech import Speech, with_model
from turnpike.domain.errors import InvalidJson, InvalidRequest

SPEECHES = (CHAT, COMPLETIONS, EMBEDDINGS, RESPONSES, COMPACT, INPUT_TOKENS, MESSAGES, COUNT_TOKENS)

NOT_TRUE: tuple[Any, ...] = (False, None, 1, "true", [])


def call_of(speech: Speech, **fields: Any) -> Any:
    return speech.read_call(json.dumps({"model": "fast", **fields}).encode())


@pytest.mark.parametrize("speech", SPEECHES)
@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"fast"}',
        b'\n { "a" : {"model" : "not this"} , "model" :\t"fast", "x": [1, {"model": 2}] } \r\n',
        b'{"messages":[{"content":"\\"model\\": \\"no\\""}],"model":"fast"}',
        '{"mod\\u0065l":"fa\\u0073t","ü":"model"}'.encode(),
    ],
)
def test_the_models_name_is_found_and_put_anew_with_no_other_byte_changed(
    speech: Speech, body: bytes
) -> None:
    call = speech.read_call(body)
    start, end = call.model_span
    assert call.model == "fast"
    assert json.loads(body[start:end]) == "fast"
    changed = with_model(body, call.model_span, 'x"y')
    assert changed == body[:start] + b'"x\\"y"' + body[end:]
    assert json.loads(changed)["model"] == 'x"y'


@pytest.mark.parametrize("speech", SPEECHES)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"nonsense", b'{"model":"x"}}', b'{"model":"\xff"}', b'{"a":' + b"[" * 100_000]
)
def test_what_is_no_json_is_refused_as_such(speech: Speech, body: bytes) -> None:
    with pytest.raises(InvalidJson):
        speech.read_call(body)


@pytest.mark.parametrize("speech", SPEECHES)
@pytest.mark.parametrize(
    "body", [b"[]", b'"x"', b"{}", b'{"model":null}', b'{"model":["x"]}', b'{"model":"a","model":"b"}']
)
def test_a_body_that_names_no_one_model_is_refused(speech: Speech, body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        speech.read_call(body)


@pytest.mark.parametrize("speech", [CHAT, COMPLETIONS, RESPONSES, MESSAGES])
def test_a_stream_is_asked_for_by_true_alone(speech: Speech) -> None:
    assert call_of(speech, stream=True).stream
    assert not any(call_of(speech, stream=value).stream for value in NOT_TRUE)


def test_openais_metadata_and_user_are_labels_where_they_are_short_texts() -> None:
    fields = {"metadata": {"app": "x", "n": 1, "long": "x" * 129, "empty": ""}, "user": "alice"}
    for speech in (CHAT, COMPLETIONS, RESPONSES):
        assert call_of(speech, **fields).labels == (("app", "x"), ("user", "alice"))
        assert call_of(speech, metadata=[1], user=7).labels == ()
    assert call_of(EMBEDDINGS, user="alice").labels == (("user", "alice"),)


def test_anthropics_user_id_is_the_users_label() -> None:
    assert call_of(MESSAGES, metadata={"user_id": "alice", "app": "x"}).labels == (("user", "alice"),)
    assert call_of(MESSAGES, metadata="odd").labels == ()


def test_a_response_is_kept_unless_the_caller_says_no() -> None:
    assert call_of(RESPONSES).stored
    assert call_of(RESPONSES, store=None).stored
    assert not call_of(RESPONSES, store=False).stored
    assert call_of(RESPONSES, previous_response_id="resp_1").continues == "resp_1"
    assert call_of(RESPONSES, previous_response_id=7).continues is None
    assert not call_of(CHAT).stored


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","previous_response_id":"resp_1","previous_response_id":null}',
        b'{"model":"m","previous_response_id":null,"previous_response_id":"resp_1"}',
        b'{"model":"m","previous_response_id":"resp_1","previous_response\\u005Fid":"resp_2"}',
        b'{"model":"m","\\u0070revious_response_id":"resp_1","previous_response_i\\u0064":null}',
    ],
)
def test_a_response_that_is_continued_is_named_once(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        RESPONSES.read_call(body)


def test_the_name_of_that_field_may_stand_in_the_input() -> None:
    body = b'{"model":"m","input":[{"previous_response_id":1},{"previous_response_id":"\\u0061"}],"previous_response_id":"resp_1"}'
    assert RESPONSES.read_call(body).continues == "resp_1"
