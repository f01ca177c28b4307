"""Calls with an idempotency key, where the disk that keys are noted on hangs."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from tests.unit.gateway.keyed_calls import SEAL, Provider, SetClock, a_call, a_worker, in_a_loop, send
from turnpike.domain.errors import Overloaded
from turnpike.gateway.idempotency.claim import Claim
from turnpike.gateway.idempotency.entry import Claimed
from turnpike.gateway.idempotency.folder import Folder, Found
from turnpike.gateway.idempotency.keys import ENTERING_MAX, IdempotencyKeys
from turnpike.gateway.idempotency.recording import Memory


@pytest.fixture
def provider() -> Provider:
    return Provider()


class HungFolder(Folder):
    """A folder on a disk that does not answer until it is told to."""

    def __init__(self, place: Path) -> None:
        super().__init__(place, SEAL, SetClock())
        self.answers = threading.Event()

    def enter(self, name: str, claimed: Claimed, share: bytes) -> Claim | Found:
        self.answers.wait(60)
        return super().enter(name, claimed, share)


@in_a_loop
async def test_a_disk_that_hangs_refuses_calls_with_a_key_and_leaves_it_free(
    tmp_path: Path, provider: Provider
) -> None:
    folder = HungFolder(tmp_path)
    worker = IdempotencyKeys(folder, SEAL, Memory(), entering_seconds=0.01)
    said = await send(worker, a_call(), provider.answers)
    assert isinstance(said.error, Overloaded)
    assert "its disk did not answer within 0.01 s" in said.error.message
    # The loop's own threads, which others use, are all free.
    assert await asyncio.to_thread(len, b"x") == 1
    folder.answers.set()
    await worker.close()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert provider.executions == 0
    await send(a_worker(tmp_path), a_call(), provider.answers)
    assert provider.executions == 1


@in_a_loop
async def test_where_as_many_wait_for_the_disk_as_may_a_call_is_refused_at_once(
    tmp_path: Path, provider: Provider
) -> None:
    folder = HungFolder(tmp_path)
    worker = IdempotencyKeys(folder, SEAL, Memory(), entering_seconds=0.01)
    waiting = [send(worker, a_call(b"%d" % number), provider.answers) for number in range(ENTERING_MAX)]
    refused = await asyncio.gather(*waiting)
    assert all(isinstance(said.error, Overloaded) for said in refused)
    said = await send(worker, a_call(), provider.answers)
    assert isinstance(said.error, Overloaded)
    assert f"{ENTERING_MAX} others wait for the same" in said.error.message
    folder.answers.set()
    await worker.close()
