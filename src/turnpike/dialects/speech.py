"""What every dialect can do for the gateway: read a call, judge an answer, follow a stream."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from turnpike.dialects.event_stream import AnswerFacts, EventStream
from turnpike.domain.errors import TurnpikeError
from turnpike.domain.surface import Surface


class CallBody(msgspec.Struct, frozen=True, gc=False):
    """What the gateway reads of a request's body; all the rest passes untouched.

    model_span: where the model's JSON string stands in the body, quotes included.
    labels: the SDK's own `metadata` and `user` fields, as far as they are short texts.
    stored: whether the provider is asked to keep the answer for later requests.
    refers_to: ids of stored answers, and of their parts, that this call builds on.
    conversation: the id of a conversation at the provider that it is a turn of.
    """

    model: str
    model_span: tuple[int, int]
    stream: bool
    labels: tuple[tuple[str, str], ...] = ()
    stored: bool = False
    refers_to: tuple[str, ...] = ()
    conversation: str | None = None


class ErrorShape(msgspec.Struct, frozen=True):
    """How a dialect tells errors: as a body, and as the last event of a stream."""

    body: Callable[[TurnpikeError, str], bytes]
    event: Callable[[TurnpikeError, str], bytes]


class Speech(msgspec.Struct, frozen=True):
    """One surface in its dialect: functions over bytes, without I/O.

    operation: the name OpenTelemetry's GenAI conventions give to such calls.
    suffix: what follows the path of the surface upstream, where several kinds of call share one.
    """

    surface: Surface
    operation: str
    read_call: Callable[[bytes], CallBody]
    read_answer: Callable[[bytes], AnswerFacts]
    open_stream: Callable[[], EventStream] | None
    errors: ErrorShape
    suffix: bytes = b""


def with_model(body: bytes, span: tuple[int, int], model: str) -> bytes:
    """The body with another model's name, every other byte as it was."""
    return body[: span[0]] + msgspec.json.encode(model) + body[span[1] :]
