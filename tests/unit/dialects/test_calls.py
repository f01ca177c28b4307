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
    assert RESPONSES.read_call(body).refers_to == ("resp_1",)


@pytest.mark.parametrize("speech", SPEECHES)
@pytest.mark.parametrize("key", ["stream", "store", "input", "conversation", "user", "of-the-providers"])
@pytest.mark.parametrize(
    "form", ['{{"model":"m","{0}":{1},"{0}":{2}}}', '{{"{0}": {1}, "model": "m", "{0}": {2}}}']
)
@pytest.mark.parametrize(
    ("first", "second"), [("true", "false"), ("null", "null"), ('"x"', "[]"), ('"}"', '"}"')]
)
def test_a_key_that_stands_twice_is_refused(
    speech: Speech, key: str, form: str, first: str, second: str
) -> None:
    with pytest.raises(InvalidRequest):
        speech.read_call(form.format(key, first, second).encode())


@pytest.mark.parametrize("speech", SPEECHES)
def test_a_repeated_key_does_not_hide_behind_the_length_of_spaces(speech: Speech) -> None:
    """As long as the object would be with spaces, had it the key once."""
    fields = {"model": "m", "aa": 1, "bb": 2, "cc": 3, "dd": 4}
    spaces = 2 * (len(fields) + 1) - 1
    for count in range(spaces):
        body = (
            json.dumps(fields, separators=(",", ":"))[:-1]
            + ',"'
            + "e" * count
            + '":1,"'
            + "e" * count
            + '":1}'
        )
        with pytest.raises(InvalidRequest):
            speech.read_call(body.encode())


@pytest.mark.parametrize("key", ["Model", "MODEL", "\u017ftream", "Previous_Response_Id", "Conversation"])
def test_a_key_in_other_letters_is_refused_for_providers_that_would_take_it(key: str) -> None:
    body = json.dumps({"model": "m", key: "x"}).encode()
    with pytest.raises(InvalidRequest, match="spelled"):
        RESPONSES.read_call(body)
    assert CHAT.read_call(b'{"model":"m","Mine":1,"\xc3\xa9":2}').model == "m"


def test_a_call_refers_to_what_the_provider_keeps() -> None:
    items = [
        {"role": "user", "content": "hi"},
        {"type": "item_reference", "id": "msg_1"},
        {"id": "msg_2"},
        {"id": "msg_3", "type": None},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {"type": "image_generation_call", "id": "ig_1"},
        {"type": "a_later_kind", "id": "x_1"},
        {"type": "item_reference", "id": "msg_1"},
    ]
    call = call_of(RESPONSES, previous_response_id="resp_1", input=items)
    assert call.refers_to == ("resp_1", "msg_1", "msg_2", "msg_3", "rs_1", "ig_1", "x_1")
    assert call_of(RESPONSES, previous_response_id=7, input='the "id" of').refers_to == ()
    assert call_of(RESPONSES, previous_response_id=None, input=None, conversation=None).refers_to == ()


def test_an_item_that_holds_what_it_says_refers_to_nothing() -> None:
    items = [
        {"type": "message", "role": "assistant", "id": "msg_1", "content": []},
        {"role": "assistant", "id": "msg_2", "content": "x"},
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
    ]
    assert call_of(RESPONSES, input=items).refers_to == ()


@pytest.mark.parametrize(
    "item",
    [
        b'{"type":"message","type":"item_reference","id":"msg_1"}',
        b'{"id":"msg_1","id":"msg_2"}',
        b'{"type":"message","role":"user","Id":"x","id":"y"}',
        b'{"type":"message","\\u0069d":"x","id":"y"}',
    ],
)
def test_an_item_that_can_be_read_in_two_ways_is_refused(item: bytes) -> None:
    with pytest.raises(InvalidRequest):
        RESPONSES.read_call(b'{"model":"m","input":[%b]}' % item)


def test_a_reference_in_escapes_is_seen() -> None:
    body = b'{"model":"m","input":[{"\\u0069\\u0064":"msg_\\u0031"}]}'
    assert RESPONSES.read_call(body).refers_to == ("msg_1",)


def test_more_references_than_are_looked_up_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="by reference"):
        call_of(RESPONSES, input=[{"id": f"msg_{number}"} for number in range(1001)])


@pytest.mark.parametrize("conversation", ["conv_1", {"id": "conv_1"}, {"id": "conv_1", "more": 1}])
def test_a_call_names_its_conversation(conversation: Any) -> None:
    assert call_of(RESPONSES, conversation=conversation).conversation == "conv_1"
    assert call_of(RESPONSES, conversation=None).conversation is None
    assert call_of(RESPONSES).conversation is None


@pytest.mark.parametrize(
    "conversation", ["{}", '{"id":7}', "[]", "7", "true", '{"id":"a","id":"b"}', '{"Id":"a"}']
)
def test_a_conversation_that_cannot_be_made_out_is_refused(conversation: str) -> None:
    with pytest.raises(InvalidRequest):
        RESPONSES.read_call(b'{"model":"m","conversation":%b}' % conversation.encode())


@pytest.mark.parametrize("sealed", ["", [], {}, 1, "gAAA"])
def test_no_field_beside_it_turns_a_reference_into_something_else(sealed: Any) -> None:
    item = {"type": "item_reference", "id": "msg_1", "encrypted_content": sealed, "role": "user"}
    assert call_of(RESPONSES, input=[item]).refers_to == ("msg_1",)


@pytest.mark.parametrize("sealed", ["", None, [], 1])
def test_reasoning_that_is_not_sealed_is_what_the_provider_keeps(sealed: Any) -> None:
    item = {"type": "reasoning", "id": "rs_1", "encrypted_content": sealed}
    assert call_of(RESPONSES, input=[item]).refers_to == ("rs_1",)


@pytest.mark.parametrize("kind", [[], {}, 1, True])
def test_an_item_whose_type_is_no_text_is_a_reference(kind: Any) -> None:
    assert call_of(RESPONSES, input=[{"type": kind, "id": "msg_1"}]).refers_to == ("msg_1",)


@pytest.mark.parametrize(
    "fields",
    [
        {"previous_response_id": "r" * 1025},
        {"conversation": "c" * 1025},
        {"conversation": {"id": "c" * 1025}},
        {"input": [{"id": "m" * 1025}]},
    ],
)
def test_an_id_has_a_length_that_can_be_kept(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="1024 characters at most"):
        call_of(RESPONSES, **fields)


@pytest.mark.parametrize("speech", SPEECHES)
def test_half_a_pair_of_surrogates_passes(speech: Speech) -> None:
    """JSON's grammar lets it (RFC 8259, 8.2), and what a model said may end amid a pair."""
    for body in (
        b'{"model":"fast","messages":"\\ud83d"}',
        b'{ "messages" : "\\uDE00 \\ud83d\\ude00 \\ud83d" , "model" : "fast" }',
    ):
        call = speech.read_call(body)
        assert json.loads(body[slice(*call.model_span)]) == "fast"


@pytest.mark.parametrize("speech", SPEECHES)
def test_half_a_pair_of_surrogates_is_no_part_of_a_models_name(speech: Speech) -> None:
    """What is asked for and what goes to the provider would be two names."""
    with pytest.raises(InvalidRequest, match="half a pair"):
        speech.read_call(b'{"model":"fast\\ud800"}')


@pytest.mark.parametrize("speech", SPEECHES)
def test_a_number_out_of_range_is_nothing_to_go_by(speech: Speech) -> None:
    assert speech.read_call(b'{"model":"fast","user":1e400,"metadata":1e400}').labels == ()


def test_what_would_take_long_to_read_is_refused() -> None:
    """Each of these is one of a few KiB when it is packed."""
    many = b",".join(b'"k%d": 1' % number for number in range(1_001))
    for body in (
        b'{"model": "m",%b}' % many,
        b'{"model":"m","input":[{"id":"a",%b}]}' % many,
        b'{"model":"m","input":[{"id":"a"}%b]}' % (b",{}" * 20_000),
        b'{"model":"m","messages":[%b]}' % b",".join([b'""'] * 1_000_001),
    ):
        with pytest.raises(InvalidRequest):
            RESPONSES.read_call(body)
