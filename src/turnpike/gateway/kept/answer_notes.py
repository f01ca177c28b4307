"""What is noted of one call's answer: the ids that its caller may come back with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from turnpike.domain.ids import CallId
from turnpike.gateway.kept.response import KeptResponse
from turnpike.gateway.kept.responses import KeptResponses


class AnswerNotes:
    """Notes each id of an answer once, as kept where `of` is and by its owner.

    `begin` first, and `done` before the caller sees what has the id. Nothing is raised: an answer is given whether
    it could be noted or not.
    """

    __slots__ = ("_begun", "_call", "_kept", "_last", "_note", "_of")

    def __init__(self, kept: KeptResponses, note: Note, of: KeptResponse, call: CallId) -> None:
        self._kept = kept
        self._note = note
        self._of = of
        self._call = call
        self._begun: set[str] = set()
        self._last: asyncio.Future[None] | None = None

    def begin(self, ids: Iterable[str]) -> None:
        """Have them noted, whoever waits for it."""
        fresh = [name for name in dict.fromkeys(ids) if name not in self._begun]
        if fresh:
            self._begun.update(fresh)
            # One thread notes in order: when the last is done, all are.
            self._last = self._note(fresh, self._of, self._call) or self._last

    async def done(self) -> None:
        """Wait until all that was begun is noted, within the bound of an answer."""
        if self._last is not None:
            await self._kept.noted(self._last, self._call)
            self._last = None


Note = Callable[[list[str], KeptResponse, CallId], asyncio.Future[None] | None]
"""`KeptResponses.note` of an answer that was made now, `note_unknown` of one that is asked for again."""
