"""OpenAI's Embeddings."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from turnpike.dialects.event_stream import AnswerFacts
from turnpike.dialects.json_body import decode_answer, read_any, read_fields, read_model
from turnpike.dialects.labels import labels_of
from turnpike.dialects.openai_errors import CHAT_ERRORS
from turnpike.dialects.openai_usage import ChatUsage, chat_usage, mended
from turnpike.dialects.speech import CallBody, Speech
from turnpike.domain.surface import OPENAI_EMBEDDINGS


class _Answer(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]
    usage: ChatUsage | None = None


class _OddAnswer(_Answer, gc=False):
    usage: Any = None


_answer_decoder = msgspec.json.Decoder(_Answer)
_odd_answer_decoder: msgspec.json.Decoder[_Answer] = msgspec.json.Decoder(_OddAnswer)


def read_call(body: bytes) -> CallBody:
    """What the gateway needs of a request. Raises InvalidJson or InvalidRequest."""
    fields, span = read_fields(body)
    return CallBody(read_model(fields), span, stream=False, labels=labels_of(None, read_any(fields, "user")))


def read_answer(body: bytes) -> AnswerFacts:
    """What an answer says of itself. Raises UpstreamInvalid where it has no data."""
    answer = decode_answer(_answer_decoder, body, _odd_answer_decoder)
    return AnswerFacts(None, chat_usage(mended(answer.usage, ChatUsage)))


EMBEDDINGS: Final = Speech(OPENAI_EMBEDDINGS, "embeddings", read_call, read_answer, None, CHAT_ERRORS)
