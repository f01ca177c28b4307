"""Which provider keeps a response, and for whom: known to every worker, also after a `kill -9`.

A caller of OpenAI's Responses API comes back with a response's id: to fetch, cancel or delete it, or to
go on from it or from one of its items, on any worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Final

import structlog

from turnpike.domain.errors import Overloaded
from turnpike.gateway.disk import DiskThreads, within
from turnpike.gateway.kept.answer_notes import Note
from turnpike.gateway.kept.bounds import BOUNDS, KeptBounds
from turnpike.gateway.kept.files import KeptFiles
from turnpike.gateway.kept.response import KeptResponse
from turnpike.gateway.kept.writer import NoteWriter
from turnpike.ports.clock import Clock

CLOSE_SECONDS: Final = 1.0


class KeptResponses:
    """The kept responses of all workers that share `folder`; make it inside a running loop.

    Files are touched in three threads of its own: one notes; one looks at the newest lines, which is soon done; the
    third searches all files, one search after the other. Neither keeps metrics or idempotency keys waiting.
    Raises OSError where the folder cannot be made or read.
    """

    def __init__(self, folder: Path, slot: int, clock: Clock, bounds: KeptBounds = BOUNDS) -> None:
        self._files = KeptFiles(folder, slot, clock, bounds)
        self._bounds = bounds
        self._writer = NoteWriter(self._files, bounds)
        self._looking = DiskThreads("kept-look-up", 1, bounds.looks_max)
        self._searching = DiskThreads("kept-search", 1, bounds.searches_max)

    def note(self, note: Note) -> asyncio.Future[None]:
        """Begin to note it. Done when any worker finds it, or when it is of no use to wait: the log says so then."""
        return self._writer.write(note)

    def note_unknown(self, note: Note) -> asyncio.Future[None]:
        """The same of an answer that may be asked for often: ids that the newest lines tell of are left out."""
        return self._writer.write_unknown(note)

    async def find(self, ids: Collection[str]) -> dict[str, KeptResponse]:
        """What is known of each; what is not there was not noted in the last 30 days.

        Raises Overloaded where too much waits for the files already, and where they cannot be read, or not
        in time: nothing is said of whose a response is then.
        """
        try:
            return await self._find(ids)
        except TimeoutError as fault:
            raise _unreadable("the disk did not answer in time") from fault
        except OSError as fault:
            structlog.get_logger().error("responses.not_read", reason=str(fault))
            raise _unreadable(fault.strerror or str(fault)) from fault

    async def close(self) -> None:
        """Note and find nothing more; notes that were begun get a moment, and a search under way ends soon."""
        self._files.stop_searching()
        for part in (self._writer, self._looking, self._searching):
            await part.close(CLOSE_SECONDS)

    async def _find(self, ids: Collection[str]) -> dict[str, KeptResponse]:
        if self._looking.is_full:
            raise Overloaded("As many questions for response ids wait here as may; try again.")
        looking = self._looking.begin(self._files.look_up, ids)
        found, is_all = await within(self._bounds.look_seconds, looking)
        if is_all:
            return found
        if self._searching.is_full:
            raise Overloaded("As many searches for older response ids wait here as may; try again.")
        searching = self._searching.begin(self._files.search, [name for name in ids if name not in found])
        return found | await within(self._bounds.search_seconds, searching)


def _unreadable(reason: str) -> Overloaded:
    return Overloaded(
        f"The gateway cannot look up whose this response is ({reason}): nothing was sent. Try again later."
    )
