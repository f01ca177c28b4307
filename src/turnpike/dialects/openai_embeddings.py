"""OpenAI's Embeddings."""

from __future__ import annotations

from typing import Final

import msgspec

from turnpike.dialects.event_stream import AnswerFacts
from turnpike.dialects.json_body import NULL, decode_answer, is_array, read_any, read_fields, read_model
from turnpike.dialects.labels import labels_of
from turnpike.dialects.openai_errors import CHAT_ERRORS
from turnpike.dialects.openai_usage import ChatUsage, chat_usage, mended
from turnpike.dialects.speech import CallBody, Speech
from turnpike.domain.errors import UpstreamInvalid
from turnpike.domain.surface import OPENAI_EMBEDDINGS


class _Answer(msgspec.Struct, gc=False):
    data: msgspec.Raw
    usage: ChatUsage | None = None


class _OddAnswer(msgspec.Struct, gc=False):
    data: msgspec.Raw
    usage: msgspec.Raw = NULL


_answer_decoder: msgspec.json.Decoder[_Answer | _OddAnswer] = msgspec.json.Decoder(_Answer)
_odd_answer_decoder: msgspec.json.Decoder[_Answer | _OddAnswer] = msgspec.json.Decoder(_OddAnswer)


def read_call(body: bytes) -> CallBody:
    """What the gateway needs of a request. Raises InvalidJson or InvalidRequest."""
    fields, span = read_fields(body)
    return CallBody(read_model(fields), span, stream=False, labels=labels_of(None, read_any(fields, "user")))


def read_answer(body: bytes) -> AnswerFacts:
    """What an answer says of itself. Raises UpstreamInvalid where it has no data."""
    answer = decode_answer(_answer_decoder, body, _odd_answer_decoder)
    if not is_array(answer.data):
        raise UpstreamInvalid("The provider's answer is not of its dialect (its `data` are no array).")
    return AnswerFacts(None, chat_usage(mended(answer.usage, ChatUsage)))


EMBEDDINGS: Final = Speech(OPENAI_EMBEDDINGS, "embeddings", read_call, read_answer, None, CHAT_ERRORS)
