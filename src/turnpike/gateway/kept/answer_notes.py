"""What is noted of one call's answer: the ids that its caller may come back with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec

from turnpike.domain.ids import CallId
from turnpike.gateway.kept.response import KeptResponse


class Note(msgspec.Struct, frozen=True, gc=False):
    """Ids that came with one call's answer, and who keeps what has them."""

    ids: Sequence[str]
    kept: KeptResponse
    call: CallId


class AnswerNotes:
    """Notes each id of an answer once, by `write`, which never raises; what is noted of each is `kept`.

    An answer is given whether it could be noted or not.
    """

    __slots__ = ("_begun", "_call", "_kept", "_last", "_write")

    def __init__(self, write: Write, kept: KeptResponse, call: CallId) -> None:
        self._write = write
        self._kept = kept
        self._call = call
        self._begun: set[str] = set()
        self._last: asyncio.Future[None] | None = None

    def begin(self, ids: Iterable[str]) -> None:
        """Have them noted, whoever waits for it."""
        fresh = [name for name in dict.fromkeys(ids) if name not in self._begun]
        if fresh:
            self._begun.update(fresh)
            self._last = self._write(Note(fresh, self._kept, self._call))

    async def note(self, ids: Iterable[str]) -> None:
        """Have them noted, before the caller sees what has them, or until it is of no use to wait any longer."""
        self.begin(ids)
        if self._last is not None:
            await self._last  # They are noted in order: when the last is, all are.
            self._last = None


class NoNotes:
    """Of an answer that nobody keeps."""

    __slots__ = ()

    def begin(self, ids: Iterable[str]) -> None:
        """Nobody comes back with them."""

    async def note(self, ids: Iterable[str]) -> None:
        """Nothing to wait for."""


Notes = AnswerNotes | NoNotes

Write = Callable[[Note], asyncio.Future[None]]
"""`KeptResponses.note`, or `note_unknown`."""
