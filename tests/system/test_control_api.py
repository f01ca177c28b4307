"""The control API over a real socket: long polls, hang-ups, stopping, and the store of a killed process."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from turnpike.adapters.sealing.seal import MasterKeySeal
from turnpike.adapters.sql.store import open_sqlite_store
from turnpike.adapters.system.clock import SystemClock
from turnpike.adapters.system.randomness import SystemRandomness
from turnpike.control.app import make_control, run_control
from turnpike.control.connections import BOUNDS, Bounds
from turnpike.control.plane import Plane
from turnpike.control.services.start import Variables, start
from turnpike.ports.sealing import local_token, node_token
from turnpike.providers.table import PROVIDERS

pytestmark = pytest.mark.anyio

BOUND_SECONDS = 20
PUBLISHED_WITHIN_SECONDS = 1.0


@pytest.fixture
def anyio_backend() -> str:
    """The control plane runs on asyncio alone."""
    return "asyncio"


@asynccontextmanager
async def served(folder: Path, bounds: Bounds = BOUNDS) -> AsyncIterator[tuple[Plane, str, asyncio.Event]]:
    """Control on a free port; the event stops it."""
    randomness = SystemRandomness()
    store = open_sqlite_store(folder / "turnpike.db")
    plane = Plane(store, MasterKeySeal(b"m" * 32, randomness), SystemClock(), randomness, PROVIDERS)
    start(plane, Variables(None, {}), None)
    listener = socket.create_server(("127.0.0.1", 0))
    stop = asyncio.Event()
    async with asyncio.timeout(BOUND_SECONDS), asyncio.TaskGroup() as tasks:
        tasks.create_task(run_control(make_control(plane), [listener], stop, bounds))
        yield plane, f"http://127.0.0.1:{listener.getsockname()[1]}", stop
        stop.set()
    store.close()


def a_client(url: str, token: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=BOUND_SECONDS, trust_env=False
    )


def a_report(worker: str, running: str | None, **more: Any) -> dict[str, Any]:
    return {"worker": worker, "pid": 1, "state": "ready", "running": running, **more}


async def test_a_held_question_is_answered_within_a_second_of_a_change(tmp_path: Path) -> None:
    async with (
        served(tmp_path) as (plane, url, _),
        a_client(url, local_token(plane.seal)) as admin,
        a_client(url, node_token(plane.seal)) as node,
    ):
        await admin.put("/api/v1/keys/k", json={"role": "viewer"})
        version = (await admin.get("/api/v1/snapshot")).json()["version"]
        async with asyncio.TaskGroup() as tasks:
            held = tasks.create_task(node.post("/internal/v1/link", json=a_report("host/0", version)))
            while not (await admin.get("/api/v1/snapshot")).json()["workers"]:
                await asyncio.sleep(0.01)
            began = time.monotonic()
            await admin.post("/api/v1/keys/k/revoke")
            answer = await held
        assert time.monotonic() - began < PUBLISHED_WITHIN_SECONDS
    assert answer.headers["x-turnpike-phase"] == "publish"
    assert answer.headers["x-turnpike-snapshot"] != version


async def test_a_worker_that_hangs_up_does_not_hold_up_a_change(tmp_path: Path) -> None:
    async with served(tmp_path) as (plane, url, _), a_client(url, local_token(plane.seal)) as admin:
        version = (await admin.get("/api/v1/snapshot")).json()["version"]
        async with a_client(url, node_token(plane.seal)) as node:
            with pytest.raises(httpx.ReadTimeout):
                await node.post("/internal/v1/link", json=a_report("host/0", version), timeout=0.2)
        while (await admin.get("/api/v1/snapshot")).json()["workers"]:
            await asyncio.sleep(0.01)
        began = time.monotonic()
        answer = await admin.put("/api/v1/keys/k", json={"role": "viewer"})
    assert answer.status_code == 201
    assert time.monotonic() - began < PUBLISHED_WITHIN_SECONDS


async def test_stopping_answers_held_questions_and_ends(tmp_path: Path) -> None:
    async with served(tmp_path) as (plane, url, stop), a_client(url, node_token(plane.seal)) as node:
        current = await node.post("/internal/v1/link", json=a_report("host/0", None))
        version = current.headers["x-turnpike-snapshot"]
        async with asyncio.TaskGroup() as tasks:
            held = tasks.create_task(node.post("/internal/v1/link", json=a_report("host/0", version)))
            await asyncio.sleep(0.1)
            began = time.monotonic()
            stop.set()
            answer = await held
    assert answer.status_code == 204
    assert time.monotonic() - began < BOUND_SECONDS / 4


async def test_the_api_answers_while_many_questions_are_held(tmp_path: Path) -> None:
    """More long polls than there are threads: they take none."""
    held = 100
    limits = httpx.Limits(max_connections=held + 10)
    async with served(tmp_path) as (plane, url, _), a_client(url, local_token(plane.seal)) as admin:
        version = (await admin.get("/api/v1/snapshot")).json()["version"]
        headers = {"authorization": f"Bearer {node_token(plane.seal)}"}
        async with (
            httpx.AsyncClient(
                base_url=url, headers=headers, limits=limits, timeout=BOUND_SECONDS, trust_env=False
            ) as node,
            asyncio.TaskGroup() as tasks,
        ):
            polls = [
                tasks.create_task(node.post("/internal/v1/link", json=a_report(f"host/{n}", version)))
                for n in range(held)
            ]
            while len((await admin.get("/api/v1/snapshot")).json()["workers"]) < held:
                await asyncio.sleep(0.02)
            assert (await admin.get("/api/v1/keys")).status_code == 200
            await admin.post("/api/v1/keys/administrator/revoke")
            answers = [await poll for poll in polls]
    assert {answer.headers["x-turnpike-phase"] for answer in answers} == {"publish"}


async def test_what_was_answered_is_there_after_control_came_back(tmp_path: Path) -> None:
    names = [f"t{number}" for number in range(5)]
    for name in names:
        async with served(tmp_path) as (plane, url, _), a_client(url, local_token(plane.seal)) as admin:
            assert (await admin.put(f"/api/v1/teams/{name}", json={})).status_code == 201
    async with served(tmp_path) as (plane, url, _), a_client(url, local_token(plane.seal)) as admin:
        found = [team["name"] for team in (await admin.get("/api/v1/teams")).json()["items"]]
    assert found == names


async def test_a_body_longer_than_its_limit_is_refused(tmp_path: Path) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * (1024 * 1024)

    async with served(tmp_path) as (plane, url, _), a_client(url, local_token(plane.seal)) as admin:
        try:
            answer = await admin.post("/api/v1/apply", content=endless())
        except httpx.WriteError:
            return
    assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
