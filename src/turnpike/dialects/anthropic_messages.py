"""Anthropic's Messages, and the counting of their tokens.

Sources: Anthropic's API reference; recorded conversations.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from turnpike.dialects.anthropic_errors import ANTHROPIC_ERRORS
from turnpike.dialects.event_stream import AnswerFacts, EventStream, decode_event
from turnpike.dialects.json_body import (
    NULL,
    TRUE,
    decode_answer,
    is_array,
    read_any,
    read_fields,
    read_model,
    read_small,
)
from turnpike.dialects.labels import labels_of
from turnpike.dialects.speech import CallBody, Speech
from turnpike.domain.errors import UpstreamInvalid
from turnpike.domain.surface import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from turnpike.domain.usage import UNKNOWN, Usage


class _Answer(msgspec.Struct, gc=False):
    content: msgspec.Raw
    id: msgspec.Raw = NULL
    usage: msgspec.Raw = NULL


class _Count(msgspec.Struct, gc=False):
    input_tokens: int


class _EventMessage(msgspec.Struct, gc=False):
    id: msgspec.Raw = NULL
    usage: msgspec.Raw = NULL


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    message: _EventMessage | None = None
    usage: msgspec.Raw = NULL


_answer_decoder = msgspec.json.Decoder(_Answer)
_count_decoder = msgspec.json.Decoder(_Count)
_event_decoder = msgspec.json.Decoder(_Event)


def read_call(body: bytes) -> CallBody:
    """What the gateway needs of a request. Raises InvalidJson or InvalidRequest."""
    fields, span = read_fields(body)
    labels: tuple[tuple[str, str], ...] = ()
    metadata = read_any(fields, "metadata")
    if isinstance(metadata, dict):
        labels = labels_of(None, metadata.get("user_id"))
    return CallBody(read_model(fields), span, fields.get("stream") == TRUE, labels)


def read_answer(body: bytes) -> AnswerFacts:
    """What a whole message says of itself. Raises UpstreamInvalid where it has no content."""
    answer = decode_answer(_answer_decoder, body)
    if not is_array(answer.content):
        raise UpstreamInvalid("The provider's answer is not of its dialect (its `content` is no array).")
    return AnswerFacts(_text(answer.id), add_usage(UNKNOWN, read_small(answer.usage)))


def read_count(body: bytes) -> AnswerFacts:
    """The answer to a count of tokens, which consumes none."""
    decode_answer(_count_decoder, body)
    return AnswerFacts()


def read_event(data: bytes, stream: EventStream) -> None:
    """Note what an event says: the message's id, the end, an error, the usage so far."""
    try:
        event = decode_event(_event_decoder, data, _event_decoder)
    except msgspec.ValidationError:
        return
    kind = event.type
    if kind == "content_block_delta":
        stream.has_content = True
    elif kind == "message_stop":
        stream.ended = True
    elif kind == "message_start" and event.message is not None:
        stream.id = _text(event.message.id)
        stream.usage = add_usage(stream.usage, read_small(event.message.usage))
    elif kind == "message_delta":
        stream.usage = add_usage(stream.usage, read_small(event.usage))
    elif kind == "error":
        stream.failed = True


def add_usage(known: Usage, value: Any) -> Usage:
    """`known` with what `usage` of a message or of its delta says; the numbers are cumulative.

    Anthropic's `input_tokens` leaves cached input out; ours counts it in.
    """
    if not isinstance(value, dict):
        return known
    fresh = _count(value.get("input_tokens"))
    written = _count(value.get("cache_creation_input_tokens"))
    read = _count(value.get("cache_read_input_tokens"))
    output = _count(value.get("output_tokens"))
    total = known.input_tokens if fresh is None else fresh + (written or 0) + (read or 0)
    return Usage(
        input_tokens=total,
        output_tokens=known.output_tokens if output is None else output,
        cache_read_tokens=known.cache_read_tokens if read is None else read,
        cache_write_tokens=known.cache_write_tokens if written is None else written,
        reasoning_tokens=known.reasoning_tokens,
    )


def _text(value: msgspec.Raw) -> str | None:
    text = read_small(value)
    return text if isinstance(text, str) else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _open_stream() -> EventStream:
    return EventStream(read_event)


MESSAGES: Final = Speech(ANTHROPIC_MESSAGES, "chat", read_call, read_answer, _open_stream, ANTHROPIC_ERRORS)
COUNT_TOKENS: Final = Speech(
    ANTHROPIC_COUNT_TOKENS, "count_tokens", read_call, read_count, None, ANTHROPIC_ERRORS
)
