"""What is noted of an answer that its provider keeps, and what becomes of it where the disk hangs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.playbook.stage import CALL_ID, KEY, ScriptedAnswer, Stage, StillClock
from tests.unit.gateway.kept_parts import HungLog, hung_log
from tests.unit.gateway.keyed_calls import in_a_loop
from turnpike.dialects.openai_responses import KEPT
from turnpike.domain.errors import UpstreamInterrupted
from turnpike.gateway.kept.bounds import BOUNDS, KeptBounds
from turnpike.gateway.kept.response import KeptResponse
from turnpike.gateway.plan import plan_call, plan_kept
from turnpike.gateway.surfaces import CALLS, kept_request
from turnpike.ports.http import OUT_OF_TIME, Request

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
ANSWER = b'{"id":"resp_1","output":[{"type":"message","id":"msg_1"}]}'
NOT_KEPT = b'{"id":"resp_2","output":[],"choices":[]}'
CREATED = b'data: {"type":"response.created","response":{"id":"resp_1","output":[]}}\n\n'
ADDED = b'data: {"type":"response.output_item.added","item":{"id":"msg_1","type":"message"}}\n\n'
COMPLETED = b'data: {"type":"response.completed","response":{"id":"resp_1","output":[{"id":"msg_1"}]}}\n\n'
WITHIN_SECONDS = 5.0


async def until(what: str, holds: Callable[[], bool]) -> None:
    try:
        async with asyncio.timeout(WITHIN_SECONDS):
            while not holds():
                await asyncio.sleep(0.001)
    except TimeoutError as late:
        raise AssertionError(f"not within {WITHIN_SECONDS:g} s: {what}") from late


@asynccontextmanager
async def a_stage(
    folder: Path, bounds: KeptBounds = BOUNDS
) -> AsyncIterator[tuple[Stage, asyncio.TaskGroup]]:
    stage = Stage(folder, bounds)
    try:
        async with asyncio.TaskGroup() as group:
            yield stage, group
    finally:
        await stage.close()


def hangs(folder: Path) -> AbstractContextManager[HungLog]:
    return hung_log(folder / "responses", 0, StillClock().now_ns())


def ask(stage: Stage, group: asyncio.TaskGroup, path: str = RESPONSES, **fields: object) -> None:
    body = json.dumps({"model": "gpt", "input": "x"} | fields).encode()
    request = Request("POST", path, b"", {b"x-api-key": KEY.encode()}, body, "127.0.0.1", 0)
    stage.call(group, CALLS[path], plan_call, request)


def answer(stage: Stage, *pieces: bytes, content_type: bytes = b"application/json") -> ScriptedAnswer:
    """The provider's answer to what is asked next."""
    coming = ScriptedAnswer(200, {b"content-type": content_type})
    for piece in pieces:
        coming.comes(piece)
    stage.channels["first"].answers.put_nowait(coming)
    return coming


def stream(stage: Stage, *pieces: bytes) -> ScriptedAnswer:
    return answer(stage, *pieces, content_type=b"text/event-stream")


async def noted(stage: Stage, *ids: str) -> dict[str, KeptResponse]:
    await stage.settled()
    return await stage.road.kept.find(ids)


@in_a_loop
async def test_an_answer_waits_for_its_note_and_nothing_else_waits_with_it(tmp_path: Path) -> None:
    with hangs(tmp_path) as disk:
        async with a_stage(tmp_path, KeptBounds(note_seconds=60)) as (stage, group):
            answer(stage, ANSWER, b"")
            ask(stage, group)
            await until("the note is under way", lambda: stage.notes_under_way)
            kept_reply = stage.reply
            assert not kept_reply.begun
            for path, fields in ((CHAT, {}), (RESPONSES, {"store": False})):
                answer(stage, NOT_KEPT, b"")
                ask(stage, group, path, **fields)
                await until(f"the call of {path} is answered", lambda: stage.reply.ended)
                assert (stage.reply.status, stage.reply.unread) == (200, NOT_KEPT)
            assert not kept_reply.begun
            disk.answer()
            await until("the kept answer is given", lambda: kept_reply.ended)
            assert (kept_reply.status, kept_reply.unread) == (200, ANSWER)
            assert [line[:9] for line in disk.lines()] == [b'["resp_1"', b'["msg_1",']


@pytest.mark.parametrize("streamed", [False, True])
@in_a_loop
async def test_an_answer_that_cannot_be_noted_in_time_is_given_all_the_same(
    tmp_path: Path, streamed: bool
) -> None:
    with hangs(tmp_path) as disk, capture_logs() as logs:
        async with a_stage(tmp_path, KeptBounds(note_seconds=0.01)) as (stage, group):
            pieces = (CREATED, ADDED, COMPLETED) if streamed else (ANSWER,)
            (stream if streamed else answer)(stage, *pieces, b"")
            ask(stage, group, stream=streamed)
            await until("the answer is given", lambda: stage.reply.ended)
            assert (stage.reply.status, stage.reply.unread) == (200, b"".join(pieces))
            assert {(log["event"], log["call"]) for log in logs} == {("response.not_noted", CALL_ID)}
            disk.answer()
    assert [str(outcome.status) for outcome in stage.outcomes.seen] == ["succeeded"]


@asynccontextmanager
async def a_disk_that_hangs_amid_a_stream(
    folder: Path,
) -> AsyncIterator[tuple[HungLog, Stage, ScriptedAnswer]]:
    """From after the stream's first event on; the last one waits for its note as long as it takes."""
    with hangs(folder) as disk:
        disk.answer()
        async with a_stage(folder, KeptBounds(note_seconds=60)) as (stage, group):
            coming = stream(stage, CREATED)
            ask(stage, group, stream=True)
            await until("the first event is given", lambda: stage.reply.unread == CREATED)
            disk.hang()
            yield disk, stage, coming


@in_a_loop
async def test_the_last_event_waits_for_the_note_and_those_before_it_do_not(tmp_path: Path) -> None:
    async with a_disk_that_hangs_amid_a_stream(tmp_path) as (disk, stage, coming):
        coming.comes(ADDED)
        await until("the second event is given", lambda: stage.reply.unread == CREATED + ADDED)
        coming.comes(COMPLETED)
        coming.comes(b"")
        await until("the note is under way", lambda: stage.notes_under_way)
        assert stage.reply.unread == CREATED + ADDED
        disk.answer()
        await until("the stream is whole", lambda: stage.reply.ended)
        assert stage.reply.unread == CREATED + ADDED + COMPLETED


@in_a_loop
async def test_a_caller_that_leaves_while_its_last_event_waits_had_not_everything(tmp_path: Path) -> None:
    async with a_disk_that_hangs_amid_a_stream(tmp_path) as (disk, stage, coming):
        coming.comes(COMPLETED)
        await until("the note is under way", lambda: stage.notes_under_way)
        assert stage.task is not None
        stage.task.cancel()
        await until("the call is over", lambda: bool(stage.outcomes.seen))
        assert str(stage.outcomes.seen[0].status) == "cancelled"
        disk.answer()


async def provider_breaks_off(stage: Stage, coming: ScriptedAnswer) -> None:
    coming.comes(UpstreamInterrupted("The provider closed its connection."))
    await until("the call is over", lambda: stage.reply.ended)
    assert b"upstream_interrupted" in stage.reply.unread


async def provider_stops_early(stage: Stage, coming: ScriptedAnswer) -> None:
    coming.comes(b"")
    await until("the call is over", lambda: stage.reply.ended)
    assert b"upstream_interrupted" in stage.reply.unread


async def provider_tells_an_error(stage: Stage, coming: ScriptedAnswer) -> None:
    coming.comes(b'data: {"type":"error","message":"too much"}\n\n')
    await until("the call is over", lambda: stage.reply.ended)


async def caller_leaves(stage: Stage, coming: ScriptedAnswer) -> None:
    assert stage.task is not None
    stage.task.cancel()
    await until("the call is over", lambda: bool(stage.outcomes.seen))


async def gateway_cuts(stage: Stage, coming: ScriptedAnswer) -> None:
    assert stage.task is not None
    stage.task.cancel(OUT_OF_TIME)
    await until("the call is over", lambda: bool(stage.outcomes.seen))


@pytest.mark.parametrize(
    "ends", [provider_breaks_off, provider_stops_early, provider_tells_an_error, caller_leaves, gateway_cuts]
)
@in_a_loop
async def test_items_of_a_stream_that_broke_off_are_noted_as_its_callers(
    tmp_path: Path, ends: Callable[[Stage, ScriptedAnswer], Awaitable[None]]
) -> None:
    async with a_stage(tmp_path) as (stage, group):
        coming = stream(stage, CREATED, ADDED)
        ask(stage, group, stream=True)
        await until("both events are given", lambda: stage.reply.unread == CREATED + ADDED)
        await ends(stage, coming)
        known = await noted(stage, "resp_1", "msg_1")
        assert {name: kept.principal.team for name, kept in known.items()} == {
            "resp_1": "research",
            "msg_1": "research",
        }


@pytest.mark.parametrize("method", ["GET", "POST"])
@in_a_loop
async def test_items_of_a_response_that_is_asked_for_are_noted_as_its_owners(
    tmp_path: Path, method: str
) -> None:
    async with a_stage(tmp_path) as (stage, group):
        answer(stage, b'{"id":"resp_1","status":"queued","output":[]}', b"")
        ask(stage, group, background=True)
        await until("it is made", lambda: stage.reply.ended)
        made = await noted(stage, "resp_1", "msg_1")
        assert list(made) == ["resp_1"]
        asked = kept_request("/v1/responses/resp_1" + ("/cancel" if method == "POST" else ""))
        assert asked is not None
        request = Request(method, "/v1/responses/resp_1", b"", {b"x-api-key": KEY.encode()}, b"", "::1", 0)
        answer(stage, ANSWER, b"")
        stage.call(group, KEPT, partial(plan_kept, asked=asked), request)
        await until("it is there", lambda: stage.reply.ended)
        assert await noted(stage, "resp_1", "msg_1") == {"resp_1": made["resp_1"], "msg_1": made["resp_1"]}
