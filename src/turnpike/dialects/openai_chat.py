"""OpenAI's Chat Completions, and the legacy Completions, whose streams have the same form.

Sources: OpenAI's API reference; recorded conversations with OpenAI and compatible providers.
"""

from __future__ import annotations

from typing import Final

import msgspec

from turnpike.dialects.event_stream import DONE, AnswerFacts, EventStream, decode_event
from turnpike.dialects.json_body import NULL, TRUE, decode_answer, is_array, read_fields, read_model
from turnpike.dialects.labels import read_labels
from turnpike.dialects.openai_errors import CHAT_ERRORS
from turnpike.dialects.openai_usage import ChatUsage, chat_usage, mended
from turnpike.dialects.speech import CallBody, Speech
from turnpike.domain.errors import UpstreamInvalid
from turnpike.domain.surface import OPENAI_CHAT, OPENAI_COMPLETIONS


class _Answer(msgspec.Struct, gc=False):
    choices: msgspec.Raw
    id: str | None = None
    usage: ChatUsage | None = None


class _OddAnswer(msgspec.Struct, gc=False):
    choices: msgspec.Raw
    id: msgspec.Raw = NULL
    usage: msgspec.Raw = NULL


class _Event(msgspec.Struct, gc=False):
    choices: msgspec.Raw = NULL
    id: str | None = None
    usage: ChatUsage | None = None
    error: msgspec.Raw = NULL


class _OddEvent(msgspec.Struct, gc=False):
    choices: msgspec.Raw = NULL
    id: msgspec.Raw = NULL
    usage: msgspec.Raw = NULL
    error: msgspec.Raw = NULL


_answer_decoder: msgspec.json.Decoder[_Answer | _OddAnswer] = msgspec.json.Decoder(_Answer)
_odd_answer_decoder: msgspec.json.Decoder[_Answer | _OddAnswer] = msgspec.json.Decoder(_OddAnswer)
_event_decoder: msgspec.json.Decoder[_Event | _OddEvent] = msgspec.json.Decoder(_Event)
_odd_event_decoder: msgspec.json.Decoder[_Event | _OddEvent] = msgspec.json.Decoder(_OddEvent)


def read_call(body: bytes) -> CallBody:
    """What the gateway needs of a request. Raises InvalidJson or InvalidRequest."""
    fields, span = read_fields(body)
    return CallBody(read_model(fields), span, fields.get("stream") == TRUE, read_labels(fields))


def read_answer(body: bytes) -> AnswerFacts:
    """What a whole answer says of itself. Raises UpstreamInvalid where it has no choices."""
    answer = decode_answer(_answer_decoder, body, _odd_answer_decoder)
    if not is_array(answer.choices):
        raise UpstreamInvalid("The provider's answer is not of its dialect (its `choices` are no array).")
    usage = chat_usage(mended(answer.usage, ChatUsage))
    return AnswerFacts(answer.id if isinstance(answer.id, str) else None, usage)


def read_event(data: bytes, stream: EventStream) -> None:
    """Note what an event says: the end, an error, the first choice, the usage."""
    if data.startswith(DONE):
        stream.ended = True
        return
    try:
        event = decode_event(_event_decoder, data, _odd_event_decoder)
    except msgspec.ValidationError:
        return
    if is_array(event.choices) and len(event.choices) > len(b"[]"):
        stream.has_content = True
    if event.usage is not None:
        stream.usage = chat_usage(mended(event.usage, ChatUsage))
    if stream.id is None and isinstance(event.id, str):
        stream.id = event.id
    if event.error != NULL:
        stream.failed = True


def _open_stream() -> EventStream:
    return EventStream(read_event)


CHAT: Final = Speech(OPENAI_CHAT, "chat", read_call, read_answer, _open_stream, CHAT_ERRORS)
COMPLETIONS: Final = Speech(
    OPENAI_COMPLETIONS, "text_completion", read_call, read_answer, _open_stream, CHAT_ERRORS
)
