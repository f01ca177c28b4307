"""What one caller may have of control at once, and what others have of it meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Message, Scope

from tests.control_api.bench import Bench, caller, made_key
from turnpike.control.shares import DOCUMENTS_AT_ONCE
from turnpike.ports.sealing import local_token

pytestmark = pytest.mark.anyio

BOUND_SECONDS = 10
KEYS: dict[str, list[object]] = {"keys": []}


async def test_one_caller_has_its_share_of_documents_and_others_have_theirs(bench: Bench) -> None:
    async with (
        bench.serving() as app,
        caller(app, bench.administrator) as admin,
        caller(app, await made_key(admin, "other", role="admin")) as another,
        asyncio.timeout(BOUND_SECONDS),
        asyncio.TaskGroup() as tasks,
    ):
        async with app.state.road.documents:
            plans = [
                tasks.create_task(admin.post("/api/v1/plan", json=KEYS)) for _ in range(DOCUMENTS_AT_ONCE + 1)
            ]
            refused = await next(asyncio.as_completed(plans))
            waiting = tasks.create_task(another.post("/api/v1/plan", json=KEYS))
            assert (await admin.get("/api/v1/whoami")).status_code == 200
            assert not waiting.done()
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert refused.headers["retry-after"] == "1"
        assert "4 documents of keys/administrator" in refused.json()["detail"]
        assert sorted([(await plan).status_code for plan in plans]) == [200] * DOCUMENTS_AT_ONCE + [503]
        assert (await waiting).status_code == 200
        again = await admin.post("/api/v1/plan", json=KEYS)
        assert again.status_code == 200


async def test_a_revocation_waits_for_no_turn_of_documents_or_changes(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as admin:
        await made_key(admin, "k", role="viewer")
        road = app.state.road
        async with (
            asyncio.timeout(BOUND_SECONDS),
            asyncio.TaskGroup() as tasks,
            road.documents,
            road.changes,
            road.changes,
        ):
            waiting = [
                tasks.create_task(admin.put("/api/v1/keys/other", json={"role": "viewer"})),
                tasks.create_task(admin.post("/api/v1/explain", json={"key": "k", "model": "m"})),
                tasks.create_task(admin.get("/api/v1/export")),
                tasks.create_task(admin.get("/api/v1/audit/verify")),
            ]
            assert (await admin.post("/api/v1/keys/k/revoke")).status_code == 200
            assert not any(task.done() for task in waiting)
    assert [task.result().status_code for task in waiting] == [201, 200, 200, 200]


@pytest.mark.parametrize("operation", ["plan", "apply"])
async def test_a_document_whose_caller_left_is_not_read(bench: Bench, operation: str) -> None:
    async with bench.serving() as app, asyncio.timeout(BOUND_SECONDS), asyncio.TaskGroup() as tasks:
        async with app.state.road.documents:
            gone = tasks.create_task(asked_by_one_who_leaves(app, bench, operation))
            await asyncio.sleep(0)
        assert await gone == 499


async def asked_by_one_who_leaves(app: FastAPI, bench: Bench, operation: str) -> int:
    """The status that nobody sees, of a request whose connection is gone once its body has come."""
    messages = [{"type": "http.request", "body": b"keys: []", "more_body": False}]
    statuses: list[int] = []
    headers = [(b"authorization", f"Bearer {local_token(bench.plane.seal)}".encode())]

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(a_scope(f"/api/v1/{operation}", headers), receive, send)
    return statuses[0]


def a_scope(path: str, headers: list[tuple[bytes, bytes]]) -> Scope:
    facts: dict[str, Any] = {"type": "http", "http_version": "1.1", "method": "POST", "scheme": "http"}
    facts |= {"path": path, "raw_path": path.encode(), "root_path": "", "query_string": b""}
    return facts | {"headers": headers, "client": ("127.0.0.1", 40000), "server": ("control", 80)}
