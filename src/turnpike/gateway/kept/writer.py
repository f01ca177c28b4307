"""Noting beside the event loop: what comes while one write is under way goes out with the next, in one write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

import structlog

from turnpike.domain.ids import CallId
from turnpike.gateway.disk import DiskThreads
from turnpike.gateway.kept.answer_notes import Note
from turnpike.gateway.kept.bounds import KeptBounds
from turnpike.gateway.kept.files import KeptFiles
from turnpike.gateway.kept.line import lines_of

AT_THE_STOP: Final = "the worker stopped before the disk took it"

_Lines = Mapping[str, bytes]
_Choice = Callable[[KeptFiles, _Lines], Collection[bytes]]
"""Which of a note's lines to write; in a thread."""


class NoteWriter:
    """Writes notes in their order, one write at a time; make it inside a running loop.

    A note that is not written in time is told of in the log, once. Where the disk takes longer than the bound, whoever
    waits is let go, and nobody waits until it answers; what waits is written all the same, should it do so.
    """

    def __init__(self, files: KeptFiles, bounds: KeptBounds) -> None:
        self._files = files
        self._bounds = bounds
        self._loop = asyncio.get_running_loop()
        self._disk = DiskThreads("kept-note", 1, 1)
        self._waiting: list[_Noting] = []
        self._waiting_bytes = 0
        self._writing: list[_Noting] = []
        self._is_due = self._is_late = self._is_closed = False

    def write(self, note: Note) -> asyncio.Future[None]:
        """Done when any worker finds it, or when it is of no use to wait: the log says so then."""
        return self._take(note, _all_lines)

    def write_unknown(self, note: Note) -> asyncio.Future[None]:
        """The same, without ids that the newest lines tell of."""
        return self._take(note, _unknown_lines)

    async def close(self, within_seconds: float) -> None:
        """Write what waits, and then nothing more; what the disk has not taken by then is told."""
        self._write_waiting()
        await self._disk.close(within_seconds)
        self._is_closed = True
        for noting in self._writing + self._waiting:
            noting.fail(AT_THE_STOP)
        self._waiting = []
        if not self._writing:
            self._files.close()

    def _take(self, note: Note, choice: _Choice) -> asyncio.Future[None]:
        lines = lines_of(note.ids, note.kept)
        if len(lines) < len(note.ids):
            too_long = len(note.ids) - len(lines)
            _say_not_noted(note.call, f"{too_long} of {len(note.ids)} ids fit in no line of the files")
        noting = _Noting(note.call, lines, choice, self._loop)
        if not lines:
            noting.end()
        elif self._is_closed:
            noting.fail(AT_THE_STOP)
        elif self._waiting_bytes + noting.size_bytes > self._bounds.waiting_bytes_max:
            most = self._bounds.waiting_bytes_max
            noting.fail(f"others wait for the disk with {most} bytes, as many as may")
        else:
            self._let_wait(noting)
        return noting.done

    def _let_wait(self, noting: _Noting) -> None:
        self._waiting.append(noting)
        self._waiting_bytes += noting.size_bytes
        if self._is_late:
            noting.fail(self._too_late)
        elif not self._is_due and not self._writing:
            # Not yet: what other calls have to note in this turn of the loop goes along.
            self._is_due = True
            self._loop.call_soon(self._write_waiting)

    def _write_waiting(self) -> None:
        self._is_due = False
        if self._writing or not self._waiting or self._is_closed:
            return
        self._writing, self._waiting, self._waiting_bytes = self._waiting, [], 0
        # The bound is on the wait, part of which may have been for the write before.
        begun_at = next(
            (noting.begun_at for noting in self._writing if not noting.is_told), self._loop.time()
        )
        late = self._loop.call_at(begun_at + self._bounds.note_seconds, self._come_late)
        written = self._disk.begin(_write, self._files, self._writing)
        written.add_done_callback(lambda written: self._end(written, late))

    def _end(self, written: asyncio.Future[_Faults], late: asyncio.TimerHandle) -> None:
        late.cancel()
        self._is_late = False
        for noting, fault in _faults_of(written, self._writing):
            noting.fail(_reason(fault))
        for noting in self._writing:
            noting.end()
        self._writing = []
        self._write_waiting()
        if self._is_closed:
            self._files.close()

    def _come_late(self) -> None:
        self._is_late = True
        for noting in self._writing + self._waiting:
            noting.fail(self._too_late)

    @property
    def _too_late(self) -> str:
        return f"the disk did not answer within {self._bounds.note_seconds:g} s"


class _Noting:
    """One note on its way to the disk: its lines, by their ids, and who waits for them.

    begun_at: by the loop's clock. is_told: the log says that it is not noted.
    """

    __slots__ = ("begun_at", "call", "choice", "done", "is_told", "lines", "size_bytes")

    def __init__(self, call: CallId, lines: _Lines, choice: _Choice, loop: asyncio.AbstractEventLoop) -> None:
        self.call = call
        self.lines = lines
        self.choice = choice
        self.size_bytes = sum(map(len, lines.values()))
        self.begun_at = loop.time()
        self.done: asyncio.Future[None] = loop.create_future()
        self.is_told = False

    def fail(self, reason: str) -> None:
        """Say, unless that is said already, that it is not noted, and let go whoever waits."""
        if not self.is_told:
            self.is_told = True
            _say_not_noted(self.call, reason)
        self.end()

    def end(self) -> None:
        """Let go whoever waits."""
        if not self.done.done():
            self.done.set_result(None)


_Faults = list[tuple[_Noting, BaseException]]
"""Notes that were not written, and why."""


def _write(files: KeptFiles, notings: list[_Noting]) -> _Faults:
    """In a thread: all together, but for those whose lines cannot be chosen, which take no other with them."""
    lines: list[bytes] = []
    faults: _Faults = []
    for noting in notings:
        try:
            lines += noting.choice(files, noting.lines)
        except OSError as fault:
            faults.append((noting, fault))
    files.remember(lines)
    return faults


def _all_lines(_: KeptFiles, lines: _Lines) -> Collection[bytes]:
    return lines.values()


def _unknown_lines(files: KeptFiles, lines: _Lines) -> Collection[bytes]:
    known, _ = files.look_up(lines.keys())
    return [line for name, line in lines.items() if name not in known]


def _faults_of(written: asyncio.Future[_Faults], notings: Iterable[_Noting]) -> _Faults:
    """What came of a write; a fault of the write itself is one of each note."""
    fault = asyncio.CancelledError() if written.cancelled() else written.exception()
    return written.result() if fault is None else [(noting, fault) for noting in notings]


def _reason(fault: BaseException) -> str:
    return str(fault) if isinstance(fault, OSError) else repr(fault)


def _say_not_noted(call: CallId, reason: str) -> None:
    structlog.get_logger().error("response.not_noted", call=call, reason=reason)
