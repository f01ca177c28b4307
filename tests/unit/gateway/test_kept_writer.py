"""Notes on their way to the disk: whatever becomes of them, none is lost without a word, and none is told of twice."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from tests.unit.gateway.kept_parts import ALICE, START_NS, SetClock, log_of
from tests.unit.gateway.keyed_calls import in_a_loop
from turnpike.domain.ids import CallId
from turnpike.gateway.kept.answer_notes import Note
from turnpike.gateway.kept.bounds import KeptBounds
from turnpike.gateway.kept.files import KeptFiles
from turnpike.gateway.kept.response import KeptResponse
from turnpike.gateway.kept.writer import NoteWriter

MADE = KeptResponse("openai", "m", "fast", ALICE, START_NS)
TOO_LATE = "the disk did not answer within 0.01 s"
AT_THE_STOP = "the worker stopped before the disk took it"
WITHIN_SECONDS = 5.0
HUNG_SECONDS = 0.01


class PacedFiles(KeptFiles):
    """Files on a disk that takes one write for each `go_on`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, 0, SetClock())
        self.begun = 0
        self.is_closed = False
        self.go_on = threading.Semaphore(0)

    def remember(self, lines: Collection[bytes]) -> None:
        self.begun += 1
        assert self.go_on.acquire(timeout=60)
        super().remember(lines)

    def close(self) -> None:
        super().close()
        self.is_closed = True


def a_note(name: str, *more: str) -> Note:
    """Of a call that has the name of its first id."""
    return Note((name, *more), MADE, CallId(name))


def told(logs: list[Any]) -> list[tuple[str, str]]:
    assert {log["event"] for log in logs} <= {"response.not_noted"}
    return [(log["call"], log["reason"]) for log in logs]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        while not holds():
            await asyncio.sleep(0.001)


def names_in(folder: Path) -> list[bytes]:
    return [line.split(b'"')[1] for line in log_of(folder, 0).read_bytes().splitlines()]


@in_a_loop
async def test_what_the_disk_has_not_taken_when_the_worker_stops_is_told(tmp_path: Path) -> None:
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    with capture_logs() as logs:
        files = PacedFiles(tmp_path)
        writer = NoteWriter(files, KeptBounds())
        first = writer.write(a_note("resp_1"))
        await asyncio.sleep(0)
        second = writer.write(a_note("resp_2"))
        await writer.close(HUNG_SECONDS)
        third = writer.write(a_note("resp_3"))
        assert all(note.done() for note in (first, second, third))
        assert told(logs) == [(f"resp_{number}", AT_THE_STOP) for number in (1, 2, 3)]
        files.go_on.release()
        await until(lambda: files.is_closed)
        assert names_in(tmp_path) == [b"resp_1"]
    assert faults == []
    assert len(logs) == 3


@in_a_loop
async def test_a_note_that_comes_while_the_worker_stops_is_taken_along(tmp_path: Path) -> None:
    files = PacedFiles(tmp_path)
    writer = NoteWriter(files, KeptBounds())
    writer.write(a_note("resp_1"))
    with capture_logs() as logs:
        async with asyncio.TaskGroup() as group:
            group.create_task(writer.close(WITHIN_SECONDS))
            await until(lambda: files.begun == 1)
            writer.write(a_note("resp_2"))
            files.go_on.release(2)
    assert (names_in(tmp_path), logs) == ([b"resp_1", b"resp_2"], [])


@in_a_loop
async def test_a_fault_of_any_kind_is_told_of_every_note_it_met(tmp_path: Path) -> None:
    clock = SetClock()
    writer = NoteWriter(KeptFiles(tmp_path, 0, clock), KeptBounds())
    clock.time_ns = 10**30
    with capture_logs() as logs:
        await asyncio.gather(writer.write(a_note("resp_1")), writer.write(a_note("resp_2")))
    assert [(call, "OverflowError" in reason) for call, reason in told(logs)] == [
        ("resp_1", True),
        ("resp_2", True),
    ]
    clock.time_ns = START_NS
    await writer.write(a_note("resp_3"))
    await writer.close(WITHIN_SECONDS)
    assert names_in(tmp_path) == [b"resp_3"]


@in_a_loop
async def test_a_note_is_told_of_once_however_often_the_disk_is_late(tmp_path: Path) -> None:
    files = PacedFiles(tmp_path)
    writer = NoteWriter(files, KeptBounds(note_seconds=HUNG_SECONDS))
    with capture_logs() as logs:
        first = writer.write(a_note("resp_1"))
        await asyncio.sleep(0)
        await asyncio.gather(first, writer.write(a_note("resp_2")))
        files.go_on.release()
        await until(lambda: files.begun == 2)
        writer.write(a_note("resp_3"))
        await until(lambda: len(logs) > 2)
        files.go_on.release(2)
        await writer.close(WITHIN_SECONDS)
    assert told(logs) == [(f"resp_{number}", TOO_LATE) for number in (1, 2, 3)]
    assert names_in(tmp_path) == [b"resp_1", b"resp_2", b"resp_3"]


@in_a_loop
async def test_an_id_that_no_line_can_hold_is_told_and_takes_no_other_with_it(tmp_path: Path) -> None:
    writer = NoteWriter(KeptFiles(tmp_path, 0, SetClock()), KeptBounds())
    with capture_logs() as logs:
        await writer.write(a_note("resp_1", "x" * 60_000, "\ud800", "msg_1"))
        await writer.write(a_note("y" * 5_000))
    assert names_in(tmp_path) == [b"resp_1", b"msg_1"]
    assert [(call[:6], reason) for call, reason in told(logs)] == [
        ("resp_1", "2 of 4 ids fit in no line of the files"),
        ("yyyyyy", "1 of 1 ids fit in no line of the files"),
    ]
    await writer.close(WITHIN_SECONDS)


@in_a_loop
async def test_what_waits_for_the_disk_is_bounded_in_bytes(tmp_path: Path) -> None:
    files = PacedFiles(tmp_path)
    writer = NoteWriter(files, KeptBounds(waiting_bytes_max=3_000))
    with capture_logs() as logs:
        writer.write(a_note("resp_1"))
        await until(lambda: files.begun == 1)
        for number in range(2, 5):
            writer.write(a_note(f"resp_{number}", str(number) * 1_000))
        assert told(logs) == [("resp_4", "others wait for the disk with 3000 bytes, as many as may")]
        files.go_on.release()
        await until(lambda: files.begun == 2)
        # What is being written waits no more: there is room again.
        writer.write(a_note("resp_5", "5" * 1_000))
        files.go_on.release(2)
        await writer.close(WITHIN_SECONDS)
    assert [name[:6] for name in names_in(tmp_path)[::2]] == [b"resp_1", b"2" * 6, b"3" * 6, b"5" * 6]
    assert len(logs) == 1
