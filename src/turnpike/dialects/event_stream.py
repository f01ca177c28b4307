"""Following one streamed answer: its events pass whole and unchanged, and are read on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from turnpike.dialects.json_body import with_whole_surrogates
from turnpike.dialects.sse import HALF_CRLF, EventSplitter, event_data
from turnpike.domain.errors import UpstreamInvalid
from turnpike.domain.usage import UNKNOWN, Usage

T = TypeVar("T")


class AnswerFacts(msgspec.Struct, frozen=True, gc=False):
    """What the gateway reads of an answer."""

    id: str | None = None
    usage: Usage = UNKNOWN
    items: tuple[str, ...] = ()
    """Ids of the answer's parts, where its dialect lets later requests refer to them."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every id that later requests may come back with."""
        return self.items if self.id is None else (self.id, *self.items)


DONE: Final = b"[DONE]"
"""What chat streams end with. It is no JSON; providers send it on other surfaces too."""

_any_decoder: Final = msgspec.json.Decoder(msgspec.Raw)


def decode_event(decoder: msgspec.json.Decoder[T], data: bytes, lenient: msgspec.json.Decoder[T]) -> T:
    """An event's data as `decoder` reads it, or `lenient` where a field is not of its type.

    Raises ValueError where even that does not fit, UpstreamInvalid where it is not JSON.
    """
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        if decoder is not lenient:
            return decode_event(lenient, data, lenient)
        # A wrong type is told at once, before the rest has been found to be no JSON either.
        _check_json(data)
        raise
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        whole = with_whole_surrogates(data)
        if whole != data:
            return decode_event(decoder, whole, lenient)
        raise UpstreamInvalid(f"An event of the provider's stream is not JSON: {fault}.") from fault


def _check_json(data: bytes) -> None:
    if data.startswith(DONE):
        return
    try:
        _any_decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise UpstreamInvalid(f"An event of the provider's stream is not JSON: {fault}.") from fault


class EventStream:
    """One streamed answer of a dialect, whose `read_event` notes what each event says.

    ended: the dialect's own terminator has come; nothing else says that a stream is whole.
    failed: the provider's own error event has come.
    awaits_lf: it ended in CR, and the LF that may belong to it has still to come; nothing else is given then.
    fault: what speaks against the event that came after those given last.
    is_empty: nothing has come yet.
    has_content: the first event with a part of the answer has come.
    """

    __slots__ = (
        "_read_event",
        "_splitter",
        "awaits_lf",
        "ended",
        "failed",
        "fault",
        "has_content",
        "id",
        "is_empty",
        "items",
        "usage",
    )

    def __init__(self, read_event: Callable[[bytes, EventStream], None]) -> None:
        self._read_event = read_event
        self._splitter = EventSplitter()
        self.fault: UpstreamInvalid | None = None
        self.ended = self.failed = self.has_content = self.awaits_lf = False
        self.is_empty = True
        self.id: str | None = None
        self.items: tuple[str, ...] = ()
        self.usage = UNKNOWN

    def feed(self, data: bytes) -> bytes:
        """The whole events that `data` completes, byte for byte; a begun one is kept back.

        Raises UpstreamInvalid where the first of them is not what the dialect allows; where it is a
        later one, those before it are given and `fault` says what is to be told next.
        """
        self.is_empty = False
        # The provider's own error is the last that its stream says.
        return self._end_of_error(data) if self.failed else self._whole_events(data)

    def _whole_events(self, data: bytes) -> bytes:
        events = self._splitter.split(data)
        for place, event in enumerate(events):
            if self.failed:
                return b"".join(events[:place])
            try:
                self._read(event)
            except UpstreamInvalid as fault:
                if place == 0:
                    raise
                self.fault = fault.with_traceback(None)
                return b"".join(events[:place])
        if self.failed:
            self.awaits_lf = self._splitter.gave_cr
        return events[0] if len(events) == 1 else b"".join(events)

    def finish(self) -> bytes:
        """The last event of a provider that closed without the blank line behind it."""
        event = self._splitter.rest()
        if self.failed or not event.strip():
            return b""
        with contextlib.suppress(UpstreamInvalid):
            self._read(event)
        return event if self.is_over else b""

    @property
    def is_over(self) -> bool:
        """Whether the last event has come: the terminator, or the provider's own error."""
        return self.ended or self.failed

    @property
    def facts(self) -> AnswerFacts:
        """What is known so far."""
        return AnswerFacts(self.id, self.usage, self.items)

    def _end_of_error(self, data: bytes) -> bytes:
        if not data or not self.awaits_lf:
            return b""
        self.awaits_lf = False
        return HALF_CRLF if data.startswith(HALF_CRLF) else b""

    def _read(self, event: bytes) -> None:
        data = event_data(event)
        if data and not self.ended:
            self._read_event(data, self)
