"""Passing a stream on: whole events as they come, at the pace of the caller, to the true end."""

from __future__ import annotations

import asyncio
from typing import Final

from turnpike.dialects.event_stream import EventStream
from turnpike.domain.errors import TurnpikeError, UpstreamInterrupted, UpstreamInvalid
from turnpike.gateway.dispatch import Dispatched
from turnpike.gateway.kept.answer_notes import Notes
from turnpike.gateway.progress import Progress
from turnpike.ports.clock import Clock
from turnpike.ports.http import Reply

AFTER_END_SECONDS: Final = 1.0
"""How long a provider may take to close a stream that its dialect has already ended."""

EVENT_STREAM: Final = b"text/event-stream"


class Relay:
    """One stream on its way from a provider to a caller.

    gave_end: the dialect's terminator was sent to the caller.
    """

    __slots__ = ("_answer", "_clock", "_progress", "dispatched", "gave_end", "stream")

    def __init__(self, dispatched: Dispatched, stream: EventStream, progress: Progress, clock: Clock) -> None:
        self.dispatched = dispatched
        self.stream = stream
        self._answer = dispatched.answer
        self._progress = progress
        self._clock = clock
        self.gave_end = False

    async def first_events(self) -> bytes:
        """What comes first, before anything is sent to the caller: a bad start is still an error.

        Raises UpstreamInvalid where it is no event stream or an empty one, UpstreamInterrupted where
        it ends without a whole event, or as `Answer.piece` does.
        """
        headers = self._answer.headers
        content_type = headers.get(b"content-type", b"")
        if not content_type.lower().startswith(EVENT_STREAM):
            raise UpstreamInvalid(
                "A stream was asked for, and the provider sent "
                f"{content_type.decode('latin-1') or 'something without a content-type'}.",
                reason="A stream was asked for, and the provider sent none.",
            )
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise UpstreamInvalid("The provider packed its stream, unasked.")
        self._answer.expire_by(self.dispatched.patience.first_content_at)
        return await self._next()

    async def pass_on(self, events: bytes, reply: Reply, notes: Notes) -> None:
        """Send `events` and all that follow; before the last of them goes out, items that came are in `notes`.

        Raises UpstreamInterrupted where the stream stops without its dialect's terminator, or
        as `Answer.piece` does; items that came are noted then, too.
        """
        stream = self.stream
        try:
            while events:
                reply.write(events)
                self.gave_end = stream.ended
                if reply.congested:
                    await reply.drained()
                was_over = stream.is_over
                events = await self._next()
                if stream.is_over and not was_over:
                    await notes.note(stream.items)
        except TurnpikeError:
            await notes.note(stream.items)
            raise
        except asyncio.CancelledError:
            notes.begin(stream.items)
            raise

    async def _next(self) -> bytes:
        """The next whole events; b"" at the end of a stream that is whole."""
        stream = self.stream
        if stream.fault is not None and not stream.ended:
            raise stream.fault
        while not stream.failed or stream.awaits_lf:
            data = await self._piece()
            if not data:
                return self._last()
            had_content, was_over = stream.has_content, stream.is_over
            events = stream.feed(data)
            if stream.has_content and not had_content:
                self._progress.first_content_ns = self._clock.monotonic_ns()
                self._answer.expire_by(self.dispatched.patience.total_at)
            if stream.is_over and not was_over:
                self._answer.expire_in(AFTER_END_SECONDS)
            if events:
                return events
        return b""

    async def _piece(self) -> bytes:
        try:
            return await self._answer.piece()
        except TurnpikeError:
            if self.stream.is_over:
                return b""
            raise

    def _last(self) -> bytes:
        last = self.stream.finish()
        if self.stream.is_empty:
            raise UpstreamInvalid("The provider's stream was empty.")
        if not self.stream.is_over:
            raise UpstreamInterrupted("The provider's stream stopped before its end.")
        return last
