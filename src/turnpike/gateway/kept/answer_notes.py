"""What is noted of one call's answer: the ids that its caller may come back with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec

from turnpike.domain.ids import CallId
from turnpike.gateway.kept.response import KeptResponse


class Note(msgspec.Struct, frozen=True, gc=False):
    """Ids that came with one call's answer, and who keeps what has them.

    unless_known: of an answer that may be asked for often: ids that the newest lines tell of are left out.
    """

    ids: Sequence[str]
    kept: KeptResponse
    call: CallId
    unless_known: bool = False


class AnswerNotes:
    """Notes each id of an answer once, by `write`, which never raises; what is noted of each is `kept`.

    `begin` first, and `done` before the caller sees what has the id. An answer is given whether it could be noted
    or not. unless_known: see `Note`.
    """

    __slots__ = ("_begun", "_call", "_kept", "_last", "_unless_known", "_write")

    def __init__(self, write: Write, kept: KeptResponse, call: CallId, *, unless_known: bool = False) -> None:
        self._write = write
        self._kept = kept
        self._call = call
        self._unless_known = unless_known
        self._begun: set[str] = set()
        self._last: asyncio.Future[None] | None = None

    def begin(self, ids: Iterable[str]) -> None:
        """Have them noted, whoever waits for it."""
        fresh = [name for name in dict.fromkeys(ids) if name not in self._begun]
        if fresh:
            self._begun.update(fresh)
            self._last = self._write(Note(fresh, self._kept, self._call, self._unless_known))

    async def done(self) -> None:
        """Wait until all that was begun is noted, or it is of no use to wait any longer."""
        if self._last is not None:
            await self._last  # They are noted in order: when the last is, all are.
            self._last = None


Write = Callable[[Note], asyncio.Future[None]]
"""See `KeptResponses.note`."""
