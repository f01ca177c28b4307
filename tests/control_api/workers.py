"""Gateway workers as control sees them, played by a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from tests.control_api.bench import Bench, caller
from turnpike.domain.snapshot import decode_snapshot
from turnpike.ports.sealing import local_token, node_token

BOUND_SECONDS = 10


class Worker:
    """A gateway worker as control sees one: asks, provisions, says what it runs."""

    def __init__(self, app: FastAPI, token: str, name: str, refuses: bool) -> None:
        self._client = caller(app, token)
        self._name = name
        self.refuses = refuses
        self.awake = asyncio.Event()
        self.awake.set()
        self.was_offered = asyncio.Event()
        self.running: str | None = None
        self.served: list[str] = []
        self.keys: dict[str, bool] = {}

    async def work(self) -> None:
        """Ask and obey, for ever."""
        held: dict[str, bytes] = {}
        refused = None
        while True:
            report = {
                "worker": self._name,
                "pid": 7,
                "state": "ready" if self.running else "starting",
                "running": self.running,
                "offered": next(iter(held), None),
                "refused": refused,
                "fault": "no such certificate file" if refused else None,
            }
            answer = await self._client.post("/internal/v1/link", json=report)
            if answer.status_code == 204:
                return
            version = answer.headers["x-turnpike-snapshot"]
            if answer.headers["x-turnpike-phase"] == "offer":
                self.was_offered.set()
                await self.awake.wait()
                refused = version if self.refuses else None
                held = {} if self.refuses else {version: answer.content}
                continue
            snapshot = decode_snapshot(answer.content or held[version])
            held, self.running = {}, version
            self.served.append(version)
            self.keys = {key.name: key.revoked for key in snapshot.keys}


@asynccontextmanager
async def working(bench: Bench, app: FastAPI, *refusing: bool) -> AsyncIterator[list[Worker]]:
    """Workers that control knows to run something; `refusing` says of each whether it refuses what it is offered."""
    token = node_token(bench.plane.seal)
    workers = [Worker(app, token, f"host/{slot}", refuses) for slot, refuses in enumerate(refusing)]
    async with asyncio.timeout(BOUND_SECONDS), asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(worker.work()) for worker in workers]
        while sum(view.report.running is not None for view in app.state.road.publication.workers()) < len(
            workers
        ):
            await asyncio.sleep(0)
        yield workers
        for task in running:
            task.cancel()


@asynccontextmanager
async def control(bench: Bench) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """A serving app and its local administrator."""
    async with bench.serving() as app, caller(app, local_token(bench.plane.seal)) as client:
        yield app, client
