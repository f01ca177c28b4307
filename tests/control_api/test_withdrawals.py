"""What ends a secret's validity: it waits for no worker, and for no other change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
import pytest

from tests.control_api.bench import Bench
from tests.control_api.workers import Worker, control, working
from turnpike.control.publish import OFFER_SECONDS

pytestmark = pytest.mark.anyio

SOON_SECONDS = 1
"""What ends a key's validity is in force by then, whoever hangs."""

KEYS = [
    {"name": "k", "role": "viewer", "secret": "a-brought-key-number-1"},
    {"name": "stays", "role": "viewer"},
]

Ending = Callable[[httpx.AsyncClient], Coroutine[Any, Any, httpx.Response]]


def applying(keys: list[dict[str, Any]], **more: object) -> Ending:
    return lambda client: client.post("/api/v1/apply?owner=d", json={"keys": keys, **more})


ENDINGS: dict[str, Ending] = {
    "revocation": lambda client: client.post("/api/v1/keys/k/revoke"),
    "rotation": lambda client: client.post(
        "/api/v1/keys/k/rotate", json={"secret": "a-brought-key-number-2", "overlap_seconds": 1}
    ),
    "removal": lambda client: client.delete("/api/v1/keys/k"),
    "revoked": lambda client: client.put("/api/v1/keys/k", json={**KEYS[0], "revoked": True}),
    "revoked in a document": applying([{**KEYS[0], "revoked": True}, KEYS[1]]),
    "removed from a document": applying([KEYS[1]]),
    "another secret in a document": applying([{**KEYS[0], "secret": "a-brought-key-number-3"}, KEYS[1]]),
    "an earlier end in a document": applying([{**KEYS[0], "expires_at": "2020-01-01T00:00:00Z"}, KEYS[1]]),
}


async def offered_to(
    worker: Worker, client: httpx.AsyncClient, tasks: asyncio.TaskGroup
) -> asyncio.Task[httpx.Response]:
    """A change that the worker is being asked about, and says nothing to."""
    worker.awake.clear()
    changing = tasks.create_task(client.put("/api/v1/keys/other", json={"role": "viewer"}))
    await worker.was_offered.wait()
    return changing


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
async def test_whatever_ends_a_secrets_validity_waits_for_no_worker_and_no_other_change(
    bench: Bench, ending: Ending
) -> None:
    async with control(bench) as (app, client):
        assert (await applying(KEYS)(client)).status_code == 200
        async with working(bench, app, False, False) as (live, hung), asyncio.TaskGroup() as tasks:
            changing = await offered_to(hung, client, tasks)
            before = live.running
            async with asyncio.timeout(SOON_SECONDS):
                ended = tasks.create_task(ending(client))
                while live.running == before:
                    await asyncio.sleep(0)
            assert "other" not in live.keys
            hung.awake.set()
        assert (ended.result().status_code // 100, changing.result().status_code) == (2, 201)


async def test_what_only_ends_a_secrets_validity_is_offered_to_nobody(bench: Bench) -> None:
    async with control(bench) as (app, client):
        await applying(KEYS)(client)
        async with working(bench, app, False) as (worker,):
            assert (await applying([KEYS[1]])(client)).status_code == 200
            assert "k" not in worker.keys
            assert not worker.was_offered.is_set()


async def test_a_removal_with_something_to_provision_is_offered_and_waits_for_nobody_for_long(
    bench: Bench,
) -> None:
    provider = {"name": "p", "kind": "openai-compatible", "base_url": "http://127.0.0.1:9000/v1"}
    async with control(bench) as (app, client):
        await applying(KEYS)(client)
        async with working(bench, app, False, False) as (live, hung), asyncio.TaskGroup() as tasks:
            await offered_to(hung, client, tasks)
            # Half a second for the offer under way, and half a second for its own: far from five.
            async with asyncio.timeout(OFFER_SECONDS * 0.8):
                tasks.create_task(applying([KEYS[1]], providers=[provider])(client))
                while "k" in live.keys:
                    await asyncio.sleep(0.001)
            hung.awake.set()


async def test_a_removal_with_something_that_a_worker_refuses_is_made_nowhere(bench: Bench) -> None:
    provider = {"name": "p", "kind": "openai-compatible", "base_url": "http://127.0.0.1:9000/v1"}
    async with control(bench) as (app, client):
        await applying(KEYS)(client)
        async with working(bench, app, False, True) as (live, _):
            answer = await applying([KEYS[1]], providers=[provider])(client)
            assert answer.status_code == 409
            assert "k" in live.keys
        assert (await client.get("/api/v1/keys/k")).status_code == 200
