"""Noting beside the event loop: what comes while one write is under way goes out with the next, in one write."""

from __future__ import annotations

import asyncio

import structlog

from turnpike.gateway.disk import DiskThreads
from turnpike.gateway.kept.answer_notes import Note
from turnpike.gateway.kept.bounds import KeptBounds
from turnpike.gateway.kept.files import KeptFiles
from turnpike.gateway.kept.response import KeptResponse


class NoteWriter:
    """Writes notes in their order, one write at a time; make it inside a running loop.

    Where a write takes longer than the bound, whoever waits is let go, and nobody waits until it is done.
    """

    def __init__(self, files: KeptFiles, bounds: KeptBounds) -> None:
        self._files = files
        self._bounds = bounds
        self._loop = asyncio.get_running_loop()
        self._disk = DiskThreads("kept-note", 1, 1)
        self._waiting: list[tuple[Note, asyncio.Future[None]]] = []
        self._writing: list[tuple[Note, asyncio.Future[None]]] = []
        self._is_due = self._is_late = False

    def write(self, note: Note) -> asyncio.Future[None]:
        """Done when any worker finds it, or when it is of no use to wait: the log says so then."""
        done = self._loop.create_future()
        if len(self._waiting) >= self._bounds.notes_max:
            _say_not_noted(note, f"{self._bounds.notes_max} others wait for the disk")
            done.set_result(None)
            return done
        self._waiting.append((note, done))
        if self._is_late:
            self._let_go(self._waiting[-1:])
        elif not self._is_due and not self._writing:
            # Not yet: what other calls have to note in this turn of the loop goes along.
            self._is_due = True
            self._loop.call_soon(self._write_waiting)
        return done

    async def close(self, within_seconds: float) -> None:
        """Write what waits, and then nothing more; a disk that takes longer is left to itself."""
        self._write_waiting()
        await self._disk.close(within_seconds)
        if not self._writing:
            self._files.close()

    def _write_waiting(self) -> None:
        self._is_due = False
        if self._writing or not self._waiting:
            return
        self._writing, self._waiting = self._waiting, []
        late = self._loop.call_later(self._bounds.note_seconds, self._come_late)
        written = self._disk.begin(_write, self._files, [note for note, _ in self._writing])
        written.add_done_callback(lambda _: self._end(late))

    def _end(self, late: asyncio.TimerHandle) -> None:
        late.cancel()
        self._is_late = False
        for _, done in self._writing:
            if not done.done():
                done.set_result(None)
        self._writing = []
        self._write_waiting()

    def _come_late(self) -> None:
        self._is_late = True
        self._let_go(self._writing)
        self._let_go(self._waiting)

    def _let_go(self, notes: list[tuple[Note, asyncio.Future[None]]]) -> None:
        """They are written all the same, should the disk go on."""
        for note, done in notes:
            _say_not_noted(note, f"the disk did not answer within {self._bounds.note_seconds:g} s")
            if not done.done():
                done.set_result(None)


def _write(files: KeptFiles, notes: list[Note]) -> None:
    """In a thread: together, and where that fails one by one, so that none is lost for another's fault."""
    try:
        files.remember([line for note in notes for line in _lines(files, note)])
    except (OSError, ValueError) as fault:
        if len(notes) == 1:
            _say_not_noted(notes[0], str(fault))
            return
        for note in notes:
            _write(files, [note])


def _lines(files: KeptFiles, note: Note) -> list[tuple[str, KeptResponse]]:
    known = files.look_up(note.ids)[0] if note.unless_known else ()
    return [(name, note.kept) for name in note.ids if name not in known]


def _say_not_noted(note: Note, reason: str) -> None:
    structlog.get_logger().error("response.not_noted", call=note.call, reason=reason)
