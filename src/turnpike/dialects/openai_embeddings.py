"""OpenAI's Embeddings."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from turnpike.dialects.event_stream import AnswerFacts
from turnpike.dialects.json_body import decode_answer, decode_call, model_span
from turnpike.dialects.labels import labels_of
from turnpike.dialects.openai_errors import CHAT_ERRORS
from turnpike.dialects.openai_usage import ChatUsage, chat_usage, mended
from turnpike.dialects.speech import CallBody, Speech
from turnpike.domain.surface import OPENAI_EMBEDDINGS


class _Call(msgspec.Struct, gc=False):
    model: str
    user: Any = None


class _Answer(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]
    usage: ChatUsage | None = None


class _OddAnswer(_Answer, gc=False):
    usage: Any = None


_call_decoder = msgspec.json.Decoder(_Call)
_answer_decoder = msgspec.json.Decoder(_Answer)
_odd_answer_decoder: msgspec.json.Decoder[_Answer] = msgspec.json.Decoder(_OddAnswer)


def read_call(body: bytes) -> CallBody:
    """What the gateway needs of a request. Raises InvalidJson or InvalidRequest."""
    call = decode_call(_call_decoder, body)
    labels = () if call.user is None else labels_of(None, call.user)
    return CallBody(call.model, model_span(body), stream=False, labels=labels)


def read_answer(body: bytes) -> AnswerFacts:
    """What an answer says of itself. Raises UpstreamInvalid where it has no data."""
    answer = decode_answer(_answer_decoder, body, _odd_answer_decoder)
    return AnswerFacts(None, chat_usage(mended(answer.usage, ChatUsage)))


EMBEDDINGS: Final = Speech(OPENAI_EMBEDDINGS, "embeddings", read_call, read_answer, None, CHAT_ERRORS)
