"""What one team, or one key without a team, may take of the folder of keys; others always find room in it."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from tests.unit.gateway.keyed_calls import SEAL, Provider, Said, SetClock, a_call, in_a_loop, send
from turnpike.domain.errors import Conflict, Overloaded
from turnpike.domain.principal import Principal
from turnpike.gateway.idempotency.folder import Folder, FolderBounds
from turnpike.gateway.idempotency.keys import IdempotencyKeys
from turnpike.gateway.idempotency.recording import Memory

GREEDY = Principal("acme", "research", None, None, "batch")
ITS_OTHER_KEY = Principal("acme", "research", "letters", "erin", "laptop")
OTHER_TEAM = Principal("acme", "sales", None, None, "desk")
ALONE = Principal("acme", None, None, None, "old-script")
ALONE_TOO = Principal("acme", None, None, None, "new-script")
NAMED_USER = Principal("acme", None, None, "frank", "old-script")

BOUND_SECONDS = 30
KEYS = FolderBounds(keys_max=20)
BYTES = FolderBounds(total_bytes_max=100_000)


@pytest.fixture
def provider() -> Provider:
    return Provider()


def a_worker(place: Path, bounds: FolderBounds) -> IdempotencyKeys:
    return IdempotencyKeys(Folder(place, SEAL, SetClock(), bounds), SEAL, Memory())


async def sent(
    worker: IdempotencyKeys, provider: Provider, principal: Principal, number: int, size_bytes: int = 10
) -> Said:
    call = a_call(b"%d" % number, principal)
    return await send(worker, call, partial(provider.answers, body=b"x" * size_bytes))


async def taken(worker: IdempotencyKeys, provider: Provider, principal: Principal) -> int:
    """How many keys are taken before one is refused."""
    for number in range(100):
        if isinstance((await sent(worker, provider, principal, number)).error, Overloaded):
            return number
    raise AssertionError("no key was refused")


@pytest.mark.parametrize(
    ("greedy", "beside", "other"),
    [(GREEDY, ITS_OTHER_KEY, OTHER_TEAM), (ALONE, NAMED_USER, ALONE_TOO), (GREEDY, ITS_OTHER_KEY, ALONE)],
    ids=["teams", "keys without a team", "a team and a key without"],
)
def test_one_may_hold_as_many_keys_as_are_still_free(
    tmp_path: Path, provider: Provider, greedy: Principal, beside: Principal, other: Principal
) -> None:
    @in_a_loop
    async def story() -> None:
        worker = a_worker(tmp_path, KEYS)
        assert await taken(worker, provider, greedy) == 10
        said = await sent(worker, provider, beside, 1000)
        assert isinstance(said.error, Overloaded)
        assert "10 idempotency keys" in said.error.message
        assert await taken(worker, provider, other) == 5

    story()


@in_a_loop
async def test_one_may_hold_as_many_bytes_as_are_still_free(tmp_path: Path, provider: Provider) -> None:
    worker = a_worker(tmp_path, BYTES)
    for principal, given_again in ((GREEDY, 4), (OTHER_TEAM, 2), (ALONE, 1)):
        for number in range(8):
            assert (await sent(worker, provider, principal, number, 11_000)).error is None
        again = [await sent(worker, provider, principal, number, 11_000) for number in range(8)]
        lost = [said.error for said in again if said.error is not None]
        assert len(again) - len(lost) == given_again
        assert all(isinstance(error, Conflict) and "no room" in error.message for error in lost)


@in_a_loop
async def test_what_another_worker_took_is_seen_soon_where_much_is_added(
    tmp_path: Path, provider: Provider
) -> None:
    folder = Folder(tmp_path, SEAL, SetClock(), KEYS)
    worker = IdempotencyKeys(folder, SEAL, Memory())
    async with asyncio.TaskGroup() as group:
        tidying = group.create_task(worker.keep_tidy())
        assert await taken(a_worker(tmp_path, KEYS), provider, GREEDY) == 10
        assert (await sent(worker, provider, GREEDY, 50)).error is None
        # At the pace of an idle worker a look at all parts takes nine minutes.
        async with asyncio.timeout(BOUND_SECONDS):
            while folder.owes_a_look:
                await asyncio.sleep(0.001)
        assert isinstance((await sent(worker, provider, GREEDY, 51)).error, Overloaded)
        assert (await sent(worker, provider, OTHER_TEAM, 1)).error is None
        tidying.cancel()
