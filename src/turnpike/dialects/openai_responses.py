"""OpenAI's Responses: making one, and the requests about those that the provider keeps.

Sources: OpenAI's API reference; recorded conversations.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from turnpike.dialects.event_stream import DONE, AnswerFacts, EventStream, decode_event
from turnpike.dialects.json_body import check_said_once, decode_answer, decode_call, model_span
from turnpike.dialects.labels import labels_of
from turnpike.dialects.openai_errors import RESPONSES_ERRORS
from turnpike.dialects.openai_usage import ResponsesUsage, mended, responses_usage
from turnpike.dialects.speech import CallBody, Speech
from turnpike.domain.surface import OPENAI_RESPONSES

TERMINAL_TYPES: Final = frozenset(
    ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
)


class _Call(msgspec.Struct, gc=False):
    model: str
    stream: Any = None
    user: Any = None
    metadata: Any = None
    store: Any = None
    previous_response_id: Any = None


class _Answer(msgspec.Struct, gc=False):
    id: str
    output: list[msgspec.Raw]
    usage: ResponsesUsage | None = None


class _OddAnswer(_Answer, gc=False):
    usage: Any = None


class _Count(msgspec.Struct, gc=False):
    input_tokens: int


class _EventResponse(msgspec.Struct, gc=False):
    id: Any = None
    usage: ResponsesUsage | None = None


class _OddEventResponse(_EventResponse, gc=False):
    usage: Any = None


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    response: _EventResponse | None = None


class _OddEvent(_Event, gc=False):
    response: _OddEventResponse | None = None


_call_decoder = msgspec.json.Decoder(_Call)
_answer_decoder = msgspec.json.Decoder(_Answer)
_odd_answer_decoder: msgspec.json.Decoder[_Answer] = msgspec.json.Decoder(_OddAnswer)
_count_decoder = msgspec.json.Decoder(_Count)
_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_event_decoder = msgspec.json.Decoder(_Event)
_odd_event_decoder: msgspec.json.Decoder[_Event] = msgspec.json.Decoder(_OddEvent)


def read_call(body: bytes) -> CallBody:
    """What the gateway needs of a request. Raises InvalidJson or InvalidRequest."""
    call = decode_call(_call_decoder, body)
    check_said_once(body, b'"previous_response_id"')
    continues = call.previous_response_id
    return CallBody(
        call.model,
        model_span(body),
        call.stream is True,
        () if call.metadata is call.user is None else labels_of(call.metadata, call.user),
        call.store is not False,
        continues if isinstance(continues, str) else None,
    )


def read_answer(body: bytes) -> AnswerFacts:
    """What a response says of itself. Raises UpstreamInvalid where it has no id or output."""
    answer = decode_answer(_answer_decoder, body, _odd_answer_decoder)
    return AnswerFacts(answer.id, responses_usage(mended(answer.usage, ResponsesUsage)))


def read_count(body: bytes) -> AnswerFacts:
    """The answer to a count of input tokens, which consumes none."""
    decode_answer(_count_decoder, body)
    return AnswerFacts()


def read_any_object(body: bytes) -> AnswerFacts:
    """The answer to a request about a kept response: any JSON object."""
    decode_answer(_object_decoder, body)
    return AnswerFacts()


def read_event(data: bytes, stream: EventStream) -> None:
    """Note what an event says: which response it is, its end, an error, the usage."""
    if data.startswith(DONE):
        return
    try:
        event = decode_event(_event_decoder, data, _odd_event_decoder)
    except msgspec.ValidationError:
        return
    if event.response is not None:
        _note_response(event.type, event.response, stream)
    elif event.type == "error":
        stream.failed = True
    elif event.type.startswith("response.output"):
        stream.has_content = True


def _note_response(kind: str, response: _EventResponse, stream: EventStream) -> None:
    if isinstance(response.id, str):
        stream.id = response.id
    if response.usage is not None:
        stream.usage = responses_usage(mended(response.usage, ResponsesUsage))
    if kind in TERMINAL_TYPES:
        stream.ended = True
        stream.failed = kind == "response.failed"


def _open_stream() -> EventStream:
    return EventStream(read_event)


RESPONSES: Final = Speech(
    OPENAI_RESPONSES, "generate_content", read_call, read_answer, _open_stream, RESPONSES_ERRORS
)
COMPACT: Final = Speech(OPENAI_RESPONSES, "generate_content", read_call, read_answer, None, RESPONSES_ERRORS)
INPUT_TOKENS: Final = Speech(OPENAI_RESPONSES, "count_tokens", read_call, read_count, None, RESPONSES_ERRORS)
KEPT: Final = Speech(OPENAI_RESPONSES, "retrieve", read_call, read_any_object, _open_stream, RESPONSES_ERRORS)
"""Requests about a response that the provider keeps: they name no model."""
