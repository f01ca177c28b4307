"""OpenAI's Responses: making one, and the requests about those that the provider keeps.

Sources: OpenAI's API reference; recorded conversations.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs

import msgspec

from turnpike.dialects.event_stream import DONE, AnswerFacts, EventStream, decode_event
from turnpike.dialects.json_body import (
    FALSE,
    NULL,
    TRUE,
    decode_answer,
    is_array,
    is_object,
    read_fields,
    read_model,
    read_small,
)
from turnpike.dialects.labels import read_labels
from turnpike.dialects.openai_errors import RESPONSES_ERRORS
from turnpike.dialects.openai_usage import ResponsesUsage, mended, responses_usage
from turnpike.dialects.responses_references import ID_MAX_CHARACTERS, read_conversation, read_references
from turnpike.dialects.speech import CallBody, Speech
from turnpike.domain.errors import UpstreamInvalid
from turnpike.domain.surface import OPENAI_RESPONSES
from turnpike.domain.usage import UNKNOWN

ITEMS_MAX: Final = 1_000
"""Ids of one answer's items that are known afterwards."""

COMMAS_MAX: Final = 1_000_000
"""In an answer's output: what its items cost to be told apart is bounded with them."""

TRUE_WORDS: Final = ("true", "True", "1")

TERMINAL_TYPES: Final = frozenset(
    ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
)


class _Item(msgspec.Struct, gc=False):
    id: msgspec.Raw = NULL


class _Answer(msgspec.Struct, gc=False):
    id: str
    output: msgspec.Raw
    usage: ResponsesUsage | None = None


class _OddAnswer(msgspec.Struct, gc=False):
    id: str
    output: msgspec.Raw
    usage: msgspec.Raw = NULL


class _KeptAnswer(msgspec.Struct, gc=False):
    """Any JSON object; a response has its output."""

    output: msgspec.Raw = NULL


class _Count(msgspec.Struct, gc=False):
    input_tokens: int


class _EventResponse(msgspec.Struct, gc=False):
    id: str | None = None
    output: msgspec.Raw = NULL
    usage: ResponsesUsage | None = None


class _OddEventResponse(msgspec.Struct, gc=False):
    id: msgspec.Raw = NULL
    output: msgspec.Raw = NULL
    usage: msgspec.Raw = NULL


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    response: _EventResponse | None = None
    item: msgspec.Raw = NULL


class _OddEvent(msgspec.Struct, gc=False):
    type: str = ""
    response: _OddEventResponse | None = None
    item: msgspec.Raw = NULL


_answer_decoder: msgspec.json.Decoder[_Answer | _OddAnswer] = msgspec.json.Decoder(_Answer)
_odd_answer_decoder: msgspec.json.Decoder[_Answer | _OddAnswer] = msgspec.json.Decoder(_OddAnswer)
_count_decoder = msgspec.json.Decoder(_Count)
_kept_decoder = msgspec.json.Decoder(_KeptAnswer)
_items_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_item_decoder = msgspec.json.Decoder(_Item)
_event_decoder: msgspec.json.Decoder[_Event | _OddEvent] = msgspec.json.Decoder(_Event)
_odd_event_decoder: msgspec.json.Decoder[_Event | _OddEvent] = msgspec.json.Decoder(_OddEvent)


def read_call(body: bytes) -> CallBody:
    """What the gateway needs of a request. Raises InvalidJson or InvalidRequest."""
    fields, span = read_fields(body)
    return CallBody(
        read_model(fields),
        span,
        fields.get("stream") == TRUE,
        read_labels(fields),
        fields.get("store") != FALSE,
        read_references(fields),
        read_conversation(fields),
    )


def read_answer(body: bytes) -> AnswerFacts:
    """What a response says of itself. Raises UpstreamInvalid where it has no id or output."""
    answer = decode_answer(_answer_decoder, body, _odd_answer_decoder)
    if not is_array(answer.output):
        raise UpstreamInvalid("The provider's answer is not of its dialect (its `output` is no array).")
    usage = responses_usage(mended(answer.usage, ResponsesUsage))
    return AnswerFacts(answer.id, usage, _ids_of(answer.output))


def read_count(body: bytes) -> AnswerFacts:
    """The answer to a count of input tokens, which consumes none."""
    decode_answer(_count_decoder, body)
    return AnswerFacts()


def asks_for_stream(query: bytes) -> bool:
    """Whether a request for a kept response wants its events."""
    return parse_qs(query.decode("latin-1")).get("stream", [""])[-1] in TRUE_WORDS


def read_kept(body: bytes) -> AnswerFacts:
    """The items of a kept response, in whatever JSON object a request about one is answered with.

    Its usage is that of the call which made it. Raises UpstreamInvalid.
    """
    output = decode_answer(_kept_decoder, body).output
    return AnswerFacts(items=_ids_of(output)) if is_array(output) else AnswerFacts()


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
        if is_object(event.item):
            _add_items(stream, _name_of(event.item))


def read_kept_event(data: bytes, stream: EventStream) -> None:
    """The same of a kept response that is streamed again: its usage is that of the call which made it."""
    read_event(data, stream)
    stream.usage = UNKNOWN


def _note_response(kind: str, response: _EventResponse | _OddEventResponse, stream: EventStream) -> None:
    if isinstance(response.id, str):
        stream.id = response.id
    if response.usage is not None:
        stream.usage = responses_usage(mended(response.usage, ResponsesUsage))
    if is_array(response.output):
        _add_items(stream, _ids_of(response.output))
    if kind in TERMINAL_TYPES:
        stream.ended = True
        stream.failed = kind == "response.failed"


def _ids_of(output: msgspec.Raw) -> tuple[str, ...]:
    """Ids of an answer's first items. Raises UpstreamInvalid where it has more parts than any answer has."""
    if bytes(output).count(b",") > COMMAS_MAX:
        raise UpstreamInvalid(f"The provider's answer has more than {COMMAS_MAX} parts.")
    items = _items_decoder.decode(output)[:ITEMS_MAX]
    return tuple(name for item in items if is_object(item) for name in _name_of(item))


def _name_of(item: msgspec.Raw) -> tuple[str, ...]:
    """Its id, unless no request may refer to one so long."""
    name = read_small(_item_decoder.decode(item).id)
    return (name,) if isinstance(name, str) and len(name) <= ID_MAX_CHARACTERS else ()


def _add_items(stream: EventStream, names: tuple[str, ...]) -> None:
    """An item is told of when it begins, when it is whole and with the response; a stream may end before any of them."""
    stream.items = tuple(dict.fromkeys(stream.items + names))[:ITEMS_MAX]


def _open_stream() -> EventStream:
    return EventStream(read_event)


def _open_kept_stream() -> EventStream:
    return EventStream(read_kept_event)


RESPONSES: Final = Speech(
    OPENAI_RESPONSES, "generate_content", read_call, read_answer, _open_stream, RESPONSES_ERRORS
)
COMPACT: Final = Speech(
    OPENAI_RESPONSES, "generate_content", read_call, read_answer, None, RESPONSES_ERRORS, b"/compact"
)
INPUT_TOKENS: Final = Speech(
    OPENAI_RESPONSES, "count_tokens", read_call, read_count, None, RESPONSES_ERRORS, b"/input_tokens"
)
KEPT: Final = Speech(OPENAI_RESPONSES, "retrieve", read_call, read_kept, _open_kept_stream, RESPONSES_ERRORS)
"""Requests about a response that the provider keeps: they name no model."""
