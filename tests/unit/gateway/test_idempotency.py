"""One key, one execution: what callers get, with two workers on one folder."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from tests.unit.gateway.keyed_calls import (
    ALICE,
    ANSWER,
    BOB,
    DAY_NS,
    HEAD,
    Provider,
    Said,
    SetClock,
    a_call,
    a_worker,
    in_a_loop,
    send,
)
from turnpike.domain.call_status import CallStatus
from turnpike.domain.errors import Conflict, IdempotencyMismatch, InvalidRequest, Overloaded
from turnpike.domain.principal import Principal
from turnpike.gateway.idempotency.keys import IdempotencyKeys
from turnpike.gateway.idempotency.recording import Memory
from turnpike.gateway.reply_head import error_lines

MANY = 8


@pytest.fixture
def provider() -> Provider:
    return Provider()


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def cancelled(worker: IdempotencyKeys, provider: Provider) -> None:
    """A call whose caller goes away while the provider works."""
    running = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(send(worker, a_call(), partial(provider.hangs, running=running)))
        await running.wait()
        task.cancel()


def conflict_of(said: Said) -> str:
    assert isinstance(said.error, Conflict)
    assert not said.reply.begun
    return said.error.message


@in_a_loop
async def test_the_same_again_gets_the_same_answer_from_another_worker(
    tmp_path: Path, provider: Provider
) -> None:
    head = HEAD + b"x-turnpike-target: openai/gpt\r\nx-turnpike-call-id: old\r\nx-ratelimit-remaining: 3\r\n"
    answers = partial(provider.answers, head=head)
    first = await send(a_worker(tmp_path), a_call(), answers)
    again = await send(a_worker(tmp_path), a_call(), answers)
    assert provider.executions == 1
    assert (first.reply.status, first.reply.body) == (again.reply.status, again.reply.body) == (200, ANSWER)
    assert again.reply.headers == {
        "content-type": "application/json",
        "x-turnpike-target": "openai/gpt",
        "x-turnpike-call-id": again.call.call_id,
        "x-request-id": again.call.call_id,
        "request-id": again.call.call_id,
        "x-turnpike-replayed": first.call.call_id,
    }
    assert "x-turnpike-replayed" not in first.reply.headers
    outcome = again.call.outcome(1)
    assert (outcome.status, outcome.http_status, outcome.attempts) == (CallStatus.SUCCEEDED, 200, ())


@in_a_loop
async def test_a_stream_comes_again_as_a_stream(tmp_path: Path, provider: Provider) -> None:
    worker = a_worker(tmp_path)
    pieces = (b"data: 1\n\n", b"data: 2\n\n", b"data: [DONE]\n\n")
    first = await send(worker, a_call(), lambda call: provider.streams(call, *pieces))
    again = await send(worker, a_call(), lambda call: provider.streams(call, *pieces), slow=True)
    assert first.reply.pieces == list(pieces)
    assert again.reply.streamed
    assert again.reply.ended
    assert again.reply.body == b"".join(pieces)
    assert again.reply.waits == 1
    assert provider.executions == 1


@in_a_loop
async def test_of_many_at_once_over_two_workers_one_is_executed(tmp_path: Path, provider: Provider) -> None:
    workers = [a_worker(tmp_path), a_worker(tmp_path)]
    said = await asyncio.gather(
        *(send(workers[number % 2], a_call(), provider.answers) for number in range(MANY))
    )
    assert provider.executions == 1
    for one in said:
        if one.error is not None:
            assert "is still running" in conflict_of(one)
            assert b"retry-after: 1\r\n" in error_lines(one.error)
        else:
            assert one.reply.body == ANSWER


@pytest.mark.parametrize(
    "other",
    [{"body": b'{"model":"slow"}'}, {"path": "/v1/completions"}, {"query": b"beta=true"}],
    ids=["body", "path", "query"],
)
@in_a_loop
async def test_another_request_under_the_key_is_refused(
    tmp_path: Path, provider: Provider, other: dict[str, object]
) -> None:
    worker = a_worker(tmp_path)
    await send(worker, a_call(), provider.answers)
    said = await send(worker, a_call(**other), provider.answers)  # type: ignore[arg-type]  # one of a_call's own parameters
    assert isinstance(said.error, IdempotencyMismatch)
    assert b"x-should-retry: false" in error_lines(said.error)
    assert provider.executions == 1


@in_a_loop
async def test_a_turnpike_key_in_the_query_is_no_part_of_the_request(
    tmp_path: Path, provider: Provider
) -> None:
    worker = a_worker(tmp_path)
    await send(worker, a_call(query=b"key=tpk_before"), provider.answers)
    said = await send(worker, a_call(query=b"key=tpk_after"), provider.answers)
    assert said.reply.body == ANSWER
    assert provider.executions == 1


@pytest.mark.parametrize(
    "stranger",
    [
        BOB,
        Principal("other", "research", None, None, ALICE.key),
        Principal("acme", "research", None, "carol", ALICE.key),
    ],
    ids=["key", "organisation", "user"],
)
@in_a_loop
async def test_callers_never_meet_in_a_key(tmp_path: Path, provider: Provider, stranger: Principal) -> None:
    worker = a_worker(tmp_path)
    await send(worker, a_call(), provider.answers)
    said = await send(worker, a_call(principal=stranger), provider.answers)
    assert "x-turnpike-replayed" not in said.reply.headers
    assert provider.executions == 2


@pytest.mark.parametrize("key", [b"", b"a b", b"tab\there", b"x" * 256, "schlüssel".encode()])
@in_a_loop
async def test_what_is_no_key_is_refused(tmp_path: Path, provider: Provider, key: bytes) -> None:
    said = await send(a_worker(tmp_path), a_call(key), provider.answers)
    assert isinstance(said.error, InvalidRequest)
    assert (provider.executions, files_in(tmp_path)) == (0, [])


@in_a_loop
async def test_the_longest_key_is_taken(tmp_path: Path, provider: Provider) -> None:
    said = await send(a_worker(tmp_path), a_call(b"~" * 255), provider.answers)
    assert said.reply.body == ANSWER


@in_a_loop
async def test_a_method_that_repeats_nothing_heeds_no_key(tmp_path: Path, provider: Provider) -> None:
    worker = a_worker(tmp_path)
    for _ in range(2):
        await send(worker, a_call(method="GET"), provider.answers)
    assert (provider.executions, files_in(tmp_path)) == (2, [])


@in_a_loop
async def test_a_failure_that_may_have_been_executed_comes_again(tmp_path: Path, provider: Provider) -> None:
    worker = a_worker(tmp_path)
    await send(worker, a_call(), provider.breaks_off)
    said = await send(worker, a_call(), provider.answers)
    assert provider.executions == 1
    assert (said.reply.status, said.call.status, said.call.error) == (
        502,
        CallStatus.FAILED,
        "upstream_failed",
    )
    assert said.reply.headers["x-should-retry"] == "false"
    assert "retry-after" not in said.reply.headers


@pytest.mark.parametrize("status", [408, 500, 503, 529])
@in_a_loop
async def test_a_status_that_says_nothing_of_execution_is_kept(
    tmp_path: Path, provider: Provider, status: int
) -> None:
    worker = a_worker(tmp_path)
    await send(worker, a_call(), partial(provider.answers, status=status))
    said = await send(worker, a_call(), provider.answers)
    assert (provider.executions, said.reply.status) == (1, status)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 429])
@in_a_loop
async def test_a_provider_s_refusal_frees_the_key(tmp_path: Path, provider: Provider, status: int) -> None:
    worker = a_worker(tmp_path)
    await send(worker, a_call(), partial(provider.answers, status=status))
    assert files_in(tmp_path) == []
    said = await send(worker, a_call(body=b"mended"), provider.answers)
    assert said.reply.body == ANSWER


@in_a_loop
async def test_a_provider_out_of_reach_frees_the_key(tmp_path: Path, provider: Provider) -> None:
    worker = a_worker(tmp_path)
    refused = await send(worker, a_call(), provider.is_out_of_reach)
    said = await send(worker, a_call(), provider.answers)
    assert (refused.reply.status, said.reply.status, provider.executions) == (502, 200, 1)


@in_a_loop
async def test_a_call_whose_caller_left_is_not_executed_again(tmp_path: Path, provider: Provider) -> None:
    worker = a_worker(tmp_path)
    await cancelled(worker, provider)
    message = conflict_of(await said_when_settled(worker, provider))
    assert "was cancelled" in message
    assert "is not known" in message
    assert provider.executions == 1


async def said_when_settled(worker: IdempotencyKeys, provider: Provider) -> Said:
    """What comes back once the thread that notes the cancellation is done."""
    async with asyncio.timeout(10):
        while True:
            said = await send(worker, a_call(), provider.answers)
            if said.error is None or "running" not in said.error.message:
                return said


@in_a_loop
async def test_a_caller_that_leaves_while_the_key_is_claimed_frees_it(
    tmp_path: Path, provider: Provider
) -> None:
    worker = a_worker(tmp_path)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(send(worker, a_call(), provider.answers))
        await asyncio.sleep(0)
        task.cancel()
    said = await said_when_settled(worker, provider)
    assert (said.reply.body, provider.executions) == (ANSWER, 1)


@in_a_loop
async def test_a_fault_of_our_own_leaves_the_outcome_unknown(tmp_path: Path, provider: Provider) -> None:
    worker = a_worker(tmp_path)
    call = a_call()

    async def fails(_: object) -> None:
        call.reached = True
        raise RuntimeError("a fault")

    with pytest.raises(RuntimeError):
        await send(worker, call, lambda _: fails)
    assert "never came to its end" in conflict_of(await said_when_settled(worker, provider))


@pytest.mark.parametrize("streamed", [False, True])
@in_a_loop
async def test_an_answer_beyond_the_bound_reaches_its_caller_and_is_not_kept(
    tmp_path: Path, provider: Provider, streamed: bool
) -> None:
    worker = a_worker(tmp_path)
    large = bytes(9 * 1024 * 1024)
    part = partial(provider.answers, body=large)
    if streamed:
        said = await send(worker, a_call(), lambda call: provider.streams(call, large, b"end"))
        large += b"end"
    else:
        said = await send(worker, a_call(), part)
    assert said.reply.body == large
    assert "too large" in conflict_of(await send(worker, a_call(), provider.answers))
    assert provider.executions == 1


@in_a_loop
async def test_calls_that_have_ended_give_their_memory_back(tmp_path: Path, provider: Provider) -> None:
    worker = a_worker(tmp_path, memory=Memory(each_max=100, total_max=150))
    for key in (b"one", b"two", b"three"):
        await send(worker, a_call(key), partial(provider.answers, body=bytes(50)))
        said = await send(worker, a_call(key), provider.answers)
        assert said.reply.body == bytes(50)


@in_a_loop
async def test_a_key_is_new_after_its_day(tmp_path: Path, provider: Provider) -> None:
    clock = SetClock()
    first, second = a_worker(tmp_path, clock), a_worker(tmp_path, clock)
    await send(first, a_call(), provider.answers)
    clock.time_ns += DAY_NS - 1
    await send(second, a_call(), provider.answers)
    assert provider.executions == 1
    clock.time_ns += 1
    said = await send(second, a_call(body=b"another"), provider.answers)
    assert (said.error, provider.executions) == (None, 2)


@in_a_loop
async def test_without_a_place_to_write_nothing_is_sent(tmp_path: Path, provider: Provider) -> None:
    blocked = tmp_path / "idempotency"
    blocked.write_text("a file where a folder should be")
    said = await send(a_worker(blocked), a_call(), provider.answers)
    assert isinstance(said.error, Overloaded)
    assert "nothing was sent" in said.error.message
    assert provider.executions == 0


@in_a_loop
async def test_an_answer_that_cannot_be_written_reaches_its_caller(
    tmp_path: Path, provider: Provider
) -> None:
    worker = a_worker(tmp_path)
    call = a_call()

    def obstructed(call_in_hand: object) -> object:
        carry_out = provider.answers(call)

        async def carry(reply: object) -> None:
            (claim,) = files_in(tmp_path)
            claim.with_name(f"{call.call_id}.new").mkdir()
            await carry_out(reply)  # type: ignore[arg-type]  # passed through as it came

        return carry

    said = await send(worker, call, obstructed)  # type: ignore[arg-type]  # a part like the provider's
    assert said.reply.body == ANSWER
    again = await send(worker, a_call(), provider.answers)
    assert "is not known" in conflict_of(again)
    assert provider.executions == 1


@in_a_loop
async def test_nothing_in_the_clear_is_written(tmp_path: Path, provider: Provider) -> None:
    await send(a_worker(tmp_path), a_call(b"order-4711"), provider.answers)
    (file,) = files_in(tmp_path)
    content = file.read_bytes()
    for secret in (b"quiet", b"chatcmpl", b"choices", b"order-4711", b"alice", b"content-type"):
        assert secret not in content
        assert secret not in str(file.relative_to(tmp_path)).encode()
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


@in_a_loop
async def test_a_worker_that_starts_removes_what_is_past(tmp_path: Path, provider: Provider) -> None:
    clock = SetClock()
    await send(a_worker(tmp_path, clock), a_call(b"past"), provider.answers)
    clock.time_ns += DAY_NS
    await send(a_worker(tmp_path, clock), a_call(b"young"), provider.answers)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        tidying = group.create_task(a_worker(tmp_path, clock).keep_tidy())
        while len(files_in(tmp_path)) > 1:
            await asyncio.sleep(0.01)
        tidying.cancel()
    again = await send(a_worker(tmp_path, clock), a_call(b"young"), provider.answers)
    assert "x-turnpike-replayed" in again.reply.headers


@in_a_loop
async def test_what_cannot_be_swept_does_not_end_the_sweeping(tmp_path: Path, provider: Provider) -> None:
    clock = SetClock()
    worker = a_worker(tmp_path, clock)
    await send(worker, a_call(), provider.answers)
    for shard in ("00", "7f"):
        place = tmp_path / shard
        if not place.exists():
            place.write_text("a file where a folder should be")
    clock.time_ns += DAY_NS
    (kept,) = (path for path in files_in(tmp_path) if path.parent != tmp_path)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        tidying = group.create_task(worker.keep_tidy())
        while kept.exists():
            await asyncio.sleep(0.01)
        tidying.cancel()
    assert not kept.exists()
