"""Kept responses beside the event loop: what is noted, asked and refused, also where the disk hangs."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Collection
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.unit.gateway.kept_parts import ALICE, START_NS, SetClock, hung_log, log_of, remember
from tests.unit.gateway.keyed_calls import in_a_loop
from turnpike.domain.errors import Overloaded
from turnpike.domain.ids import CallId
from turnpike.domain.principal import Principal
from turnpike.gateway.kept.answer_notes import AnswerNotes, Note
from turnpike.gateway.kept.bounds import KeptBounds
from turnpike.gateway.kept.files import KeptFiles
from turnpike.gateway.kept.response import KeptResponse
from turnpike.gateway.kept.responses import KeptResponses

ASKED = ("resp_1",)
CALL = CallId("call-1")
MADE = KeptResponse("openai", "m", "fast", ALICE, START_NS)
BOB = Principal("acme", "other", None, "bob", "bob-laptop")


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


async def noted(kept: KeptResponses, ids: Collection[str], made: KeptResponse) -> None:
    """As an answer waits for it."""
    await kept.note(Note(tuple(ids), made, CALL))


def test_more_searches_than_may_wait_are_told_to_come_again(tmp_path: Path, clock: SetClock) -> None:
    async def asked(searches_max: int) -> dict[str, KeptResponse]:
        bounds = KeptBounds(first_read_bytes=0, searches_max=searches_max)
        kept = KeptResponses(tmp_path, 1, clock, bounds)
        try:
            return await kept.find(("resp_1", "made_up"))
        finally:
            await kept.close()

    before = KeptFiles(tmp_path, 0, clock)
    remember(before, MADE, "resp_1")
    before.close()
    assert list(asyncio.run(asked(1))) == ["resp_1"]
    with pytest.raises(Overloaded):
        asyncio.run(asked(0))


def test_what_is_at_hand_waits_for_no_search(tmp_path: Path, clock: SetClock) -> None:
    async def asked() -> None:
        kept = KeptResponses(tmp_path, 0, clock, KeptBounds(ids_max=0, searches_max=0))
        await noted(kept, ["resp_1"], MADE)
        found = await kept.find(("resp_1",))
        await kept.close()
        assert found == {"resp_1": MADE}

    asyncio.run(asked())


async def refusal_of(kept: KeptResponses) -> str:
    with pytest.raises(Overloaded) as refused:
        await kept.find(ASKED)
    return refused.value.message


@pytest.mark.parametrize("what", ["the folder", "the log"])
def test_where_the_files_are_removed_nothing_is_noted_and_nobody_is_let_through(
    tmp_path: Path, clock: SetClock, what: str
) -> None:
    async def asked() -> None:
        kept = KeptResponses(tmp_path / "responses", 0, clock)
        await noted(kept, ASKED, MADE)
        assert await kept.find(ASKED) == {"resp_1": MADE}
        if what == "the folder":
            shutil.rmtree(tmp_path / "responses")
        else:
            [log] = (tmp_path / "responses").iterdir()
            log.unlink()
            log.touch()
        assert "removed while a worker appends to it" in await refusal_of(kept)
        with capture_logs() as logs:
            await noted(kept, ["resp_2"], MADE)
        assert [(log["event"], log["call"]) for log in logs] == [("response.not_noted", CALL)]
        assert "removed while a worker" in logs[0]["reason"]
        await kept.close()

    asyncio.run(asked())


def test_files_that_cannot_be_read_are_told_as_something_to_try_again(
    tmp_path: Path, clock: SetClock
) -> None:
    async def asked() -> None:
        (log_of(tmp_path, 1)).mkdir()
        kept = KeptResponses(tmp_path, 0, clock)
        assert "Is a directory" in await refusal_of(kept)
        await kept.close()

    asyncio.run(asked())


def test_a_disk_that_hangs_keeps_nobody_waiting_for_good(tmp_path: Path, clock: SetClock) -> None:
    async def asked() -> None:
        bounds = KeptBounds(first_read_bytes=0, searches_max=2, search_seconds=0.01)
        kept = KeptResponses(tmp_path, 0, clock, bounds)
        await noted(kept, ["resp_0"], MADE)
        # Whoever opens a pipe waits for a writer, as one does for a disk that hangs.
        os.mkfifo(log_of(tmp_path, 1))
        for _ in range(2):
            assert "did not answer in time" in await refusal_of(kept)
        assert "wait here as may" in await refusal_of(kept)
        with (log_of(tmp_path, 1)).open("wb"):
            (log_of(tmp_path, 1)).unlink()
        await kept.close()

    asyncio.run(asked())


def a_note(*ids: str, call: str = CALL) -> Note:
    return Note(ids, MADE, CallId(call))


@in_a_loop
async def test_a_disk_that_hangs_keeps_an_answer_waiting_no_longer_than_its_bound(tmp_path: Path) -> None:
    with hung_log(tmp_path) as disk, capture_logs() as logs:
        kept = KeptResponses(tmp_path, 0, SetClock(), KeptBounds(note_seconds=0.01))
        first = kept.note(a_note("resp_1", call="first"))
        await asyncio.sleep(0)
        second = kept.note(a_note("resp_2", call="second"))
        assert not first.done()
        await asyncio.gather(first, second)
        # By now it is known to hang: whoever comes later does not wait at all.
        assert kept.note(a_note("resp_3", call="third")).done()
        assert {(log["event"], log["call"], log["reason"]) for log in logs} == {
            ("response.not_noted", call, "the disk did not answer within 0.01 s")
            for call in ("first", "second", "third")
        }
        disk.answer()
        await kept.close()
        assert [line[:9] for line in disk.lines()] == [b'["resp_%d"' % number for number in (1, 2, 3)]


@in_a_loop
async def test_a_disk_that_answers_again_is_waited_for_again(tmp_path: Path) -> None:
    with hung_log(tmp_path) as disk:
        kept = KeptResponses(tmp_path, 0, SetClock(), KeptBounds(note_seconds=0.01))
        await kept.note(a_note("resp_1"))
        disk.answer()
        async with asyncio.timeout(5):
            while kept.note(a_note("resp_2")).done():
                await asyncio.sleep(0.001)
        await kept.close()


@in_a_loop
async def test_who_waits_no_more_takes_nothing_from_the_others(tmp_path: Path) -> None:
    with hung_log(tmp_path) as disk:
        kept = KeptResponses(tmp_path, 0, SetClock())
        left, stays = kept.note(a_note("resp_1")), kept.note(a_note("resp_2"))
        left.cancel()
        disk.answer()
        await stays
        assert [line[:9] for line in disk.lines()] == [b'["resp_1"', b'["resp_2"']
        await kept.close()


@in_a_loop
async def test_questions_are_answered_while_notes_hang(tmp_path: Path) -> None:
    writer = KeptFiles(tmp_path, 1, SetClock())
    remember(writer, MADE, "resp_1")
    with hung_log(tmp_path) as disk:
        kept = KeptResponses(tmp_path, 0, SetClock())
        note = kept.note(a_note("resp_2"))
        assert await kept.find(ASKED) == {"resp_1": MADE}
        assert not note.done()
        disk.answer()
        await kept.close()
    writer.close()


@in_a_loop
async def test_what_is_begun_when_the_worker_stops_is_noted(tmp_path: Path) -> None:
    kept = KeptResponses(tmp_path, 0, SetClock())
    names = [f"resp_{number}" for number in range(50)]
    for name in names:
        kept.note(a_note(name))
    await kept.close()
    after = KeptFiles(tmp_path, 0, SetClock())
    assert list(after.look_up(names)[0]) == names
    after.close()


@in_a_loop
async def test_what_is_asked_for_again_is_noted_once_and_stays_its_owners(tmp_path: Path) -> None:
    kept = KeptResponses(tmp_path, 0, SetClock())
    await kept.note(a_note("msg_1"))
    bobs = KeptResponse("openai", "m", "fast", BOB, START_NS)
    sizes = []
    for _ in range(3):
        await AnswerNotes(kept.note_unknown, bobs, CALL).note(("msg_1", "msg_2"))
        sizes.append(log_of(tmp_path, 0).stat().st_size)
    assert await kept.find(("msg_1", "msg_2")) == {"msg_1": MADE, "msg_2": bobs}
    assert len(set(sizes)) == 1
    await kept.close()


@in_a_loop
async def test_an_answer_notes_each_id_once(tmp_path: Path) -> None:
    kept = KeptResponses(tmp_path, 0, SetClock())
    notes = AnswerNotes(kept.note, MADE, CALL)
    for ids in (("resp_1", "msg_1"), ("msg_1", "msg_2", "msg_2"), ("msg_1",), ()):
        await notes.note(ids)
    assert log_of(tmp_path, 0).read_bytes().count(b"\n") == 3
    await kept.close()
