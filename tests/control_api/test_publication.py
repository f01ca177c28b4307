"""Publication in two phases: what workers are told, and what becomes of a change that one refuses."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import msgspec
import pytest

from tests.control_api.bench import Bench, caller, made_key
from tests.control_api.workers import control, working
from turnpike.adapters.sql.store import SqlStore, open_postgres_store
from turnpike.control.app import make_control
from turnpike.domain.errors import StoreUnavailable
from turnpike.ports.sealing import local_token, node_token
from turnpike.ports.store import StoredSnapshot

pytestmark = pytest.mark.anyio

BOUND_SECONDS = 10


async def test_a_change_reaches_every_worker(bench: Bench) -> None:
    async with control(bench) as (app, client), working(bench, app, False, False) as workers:
        answer = await client.post(
            "/api/v1/apply?owner=d", json={"teams": [{"name": "t"}], "keys": [{"name": "k", "team": "t"}]}
        )
        status = (await client.get("/api/v1/snapshot")).json()
    version = answer.json()["version"]
    assert [w["running"] for w in answer.json()["workers"]] == [version, version]
    assert [w.served[-1] for w in workers] == [version, version]
    assert [set(w.keys) for w in workers] == [{"administrator", "k"}] * 2
    assert status["version"] == version
    assert [(w["worker"], w["running"]) for w in status["workers"]] == [
        ("host/0", version),
        ("host/1", version),
    ]


async def test_what_one_worker_refuses_is_stored_and_published_nowhere(bench: Bench) -> None:
    async with control(bench) as (app, client), working(bench, app, False, True) as workers:
        revision = bench.plane.store.revision()
        before = [worker.running for worker in workers]
        answer = await client.put("/api/v1/keys/k", json={"role": "viewer"})
        assert (await client.get("/api/v1/keys/k")).status_code == 404
        events = (await client.get("/api/v1/audit?kind=keys&name=k")).json()["items"]
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "conflict")
    assert problem["workers"] == {"host/1": "no such certificate file"}
    assert bench.plane.store.revision() == revision
    assert [worker.running for worker in workers] == before
    assert events == []


async def test_what_was_refused_is_offered_anew_once_it_may_be_mended(bench: Bench) -> None:
    async with control(bench) as (app, client), working(bench, app, True) as workers:
        refused = await client.put("/api/v1/keys/k", json={"role": "viewer"})
        workers[0].refuses = False
        bench.clock.pass_seconds(1)
        taken = await client.put("/api/v1/keys/k", json={"role": "viewer"})
        while "k" not in workers[0].keys:
            await asyncio.sleep(0)
    assert [refused.status_code, taken.status_code] == [409, 201]


async def test_a_revocation_asks_nobody_and_reaches_everybody(bench: Bench) -> None:
    async with control(bench) as (app, client):
        await made_key(client, "k", role="viewer")
        async with working(bench, app, False, True) as workers:
            answer = await client.post("/api/v1/keys/k/revoke")
            while not all(worker.keys["k"] for worker in workers):
                await asyncio.sleep(0)
    assert answer.status_code == 200


async def test_a_revocation_waits_for_no_worker_that_hangs_and_for_no_other_change(bench: Bench) -> None:
    async with control(bench) as (app, client):
        await made_key(client, "k", role="viewer")
        async with working(bench, app, False, False) as (live, hung), asyncio.TaskGroup() as tasks:
            hung.awake.clear()
            changing = tasks.create_task(client.put("/api/v1/keys/other", json={"role": "viewer"}))
            await hung.was_offered.wait()
            async with asyncio.timeout(1):
                answer = await client.post("/api/v1/keys/k/revoke")
                while not live.keys["k"]:
                    await asyncio.sleep(0)
            assert (answer.status_code, changing.done(), hung.keys["k"]) == (200, False, False)
            hung.awake.set()
            while not ("other" in hung.keys and "other" in live.keys):
                await asyncio.sleep(0)
            assert (live.keys["k"], hung.keys["k"]) == (True, True)
        assert changing.result().status_code == 201
        assert (await client.get("/api/v1/keys/k")).json()["meta"]["revoked_at"] is not None


async def test_many_revocations_at_once_are_all_carried_out_beside_a_change(bench: Bench) -> None:
    names = [f"k{n}" for n in range(30)]
    async with control(bench) as (app, client), working(bench, app, False) as (worker,):
        keys = [{"name": name, "role": "viewer"} for name in names]
        await client.post("/api/v1/apply?owner=d", json={"keys": keys})
        changes = [client.post(f"/api/v1/keys/{name}/revoke") for name in names]
        answers = await asyncio.gather(client.put("/api/v1/keys/other", json={"role": "viewer"}), *changes)
        while not all(worker.keys[name] for name in names):
            await asyncio.sleep(0)
    assert {answer.status_code for answer in answers[1:]} == {200}


async def test_a_worker_that_runs_what_another_control_process_published_is_not_set_back(
    bench: Bench,
) -> None:
    async with bench.serving() as app:
        async with bench.client() as other:
            await made_key(other, "k", role="viewer")
        latest = bench.plane.store.snapshots(1)[0].version
        report = {"worker": "host/0", "pid": 7, "state": "ready", "running": latest}
        async with caller(app, node_token(bench.plane.seal)) as node, asyncio.TaskGroup() as tasks:
            held = tasks.create_task(node.post("/internal/v1/link", json=report))
            async with asyncio.timeout(BOUND_SECONDS):
                while app.state.road.publication.current.version != latest:
                    await asyncio.sleep(0)
            app.state.road.publication.stop()
        assert held.result().status_code == 204


async def test_a_change_that_workers_cannot_see_is_not_published(bench: Bench) -> None:
    async with control(bench) as (app, client), working(bench, app, False) as workers:
        await client.put("/api/v1/teams/t", json={})
        await client.put("/api/v1/teams/t", json={"description": "of no concern to a call"})
    assert len(workers[0].served) == 1


async def test_the_node_link_is_for_workers_only(bench: Bench) -> None:
    async with bench.serving() as app:
        for token, code in (
            (None, "missing_key"),
            (bench.administrator, "invalid_key"),
            (local_token(bench.plane.seal), "invalid_key"),
        ):
            async with caller(app, token) as client:
                answer = await client.post("/internal/v1/link", json={})
                assert (answer.status_code, answer.json()["code"]) == (401, code)
        async with caller(app, node_token(bench.plane.seal)) as client:
            assert (await client.post("/internal/v1/link", json={"worker": 3})).status_code == 400
            assert (await client.get("/api/v1/keys")).status_code == 401


async def test_a_publication_of_another_control_process_is_followed(bench: Bench) -> None:
    async with bench.serving() as app:
        async with bench.client() as other:
            await made_key(other, "k", role="viewer")
        latest = bench.plane.store.snapshots(1)[0].version
        async with asyncio.timeout(BOUND_SECONDS):
            while app.state.road.publication.current.version != latest:
                await asyncio.sleep(0.02)


@contextmanager
def put_back(bench: Bench) -> Iterator[None]:
    """The store is at the end what it was at the beginning, as if restored from a copy; control runs on."""
    file = bench.path / "turnpike.db"
    with closing(sqlite3.connect(":memory:")) as copy, closing(sqlite3.connect(file)) as live:
        live.backup(copy)
        yield
        copy.backup(live)


async def test_workers_run_what_is_stored_when_the_store_was_put_back(bench: Bench) -> None:
    async with control(bench) as (app, client), working(bench, app, False) as (worker,):
        await client.put("/api/v1/keys/kept", json={"role": "viewer"})
        with put_back(bench):
            await client.put("/api/v1/keys/lost", json={"role": "viewer"})
            while "lost" not in worker.keys:
                await asyncio.sleep(0)
        while "lost" in worker.keys:
            await asyncio.sleep(0.001)
        status = (await client.get("/api/v1/snapshot")).json()
        assert status["version"] == bench.plane.store.snapshots(1)[0].version == worker.running
        assert set(worker.keys) == {"administrator", "kept"}


@pytest.mark.parametrize("lost", [1, 3])
async def test_a_change_just_after_the_store_was_put_back_reaches_every_worker(
    bench: Bench, lost: int
) -> None:
    async with control(bench) as (app, client), working(bench, app, False) as (worker,):
        with put_back(bench):
            for number in range(lost):
                await client.put(f"/api/v1/keys/lost-{number}", json={"role": "viewer"})
            bench.clock.pass_seconds(1)
        answer = await client.post(
            "/api/v1/apply?owner=d", json={"teams": [{"name": "t"}], "keys": [{"name": "new", "team": "t"}]}
        )
        stored = bench.plane.store.snapshots(1)[0].version
        assert answer.json()["version"] == stored
        assert [w["running"] for w in answer.json()["workers"]] == [stored]
        assert (worker.running, set(worker.keys)) == (stored, {"administrator", "new"})


class ShyStore(SqlStore):
    """A store that takes changes, and shows no snapshot while it is told so."""

    shows_nothing = False

    def snapshots(self, limit: int) -> tuple[StoredSnapshot, ...]:
        if self.shows_nothing:
            raise StoreUnavailable("the store cannot be used")
        return super().snapshots(limit)


async def test_a_change_that_is_made_is_answered_so_when_the_store_goes_away_behind_it(bench: Bench) -> None:
    assert isinstance(bench.plane.store, SqlStore)
    store = ShyStore(bench.plane.store.engine)
    shy = msgspec.structs.replace(bench, plane=msgspec.structs.replace(bench.plane, store=store))
    async with control(shy) as (app, client):
        with put_back(bench):
            await client.put("/api/v1/keys/lost", json={"role": "viewer"})
            bench.clock.pass_seconds(1)
        store.shows_nothing = True
        answer = await client.put("/api/v1/keys/new", json={"role": "viewer"})
        assert answer.status_code == 201
        store.shows_nothing = False
        async with asyncio.timeout(BOUND_SECONDS):
            while app.state.road.publication.current.version != store.snapshots(1)[0].version:
                await asyncio.sleep(0.02)


async def test_control_is_ready_once_it_has_published_and_until_it_stops(bench: Bench) -> None:
    app = make_control(bench.plane)
    async with caller(app, None) as client:
        before = await client.get("/readyz")
        async with app.router.lifespan_context(app):
            serving = await client.get("/readyz")
            app.state.road.publication.stop()
            stopping = await client.get("/readyz")
    assert [a.status_code for a in (before, serving, stopping)] == [503, 200, 503]
    assert [a.json()["code"] for a in (before, stopping)] == ["not_ready", "draining"]


async def test_an_absent_store_is_told_with_when_to_try_again(bench: Bench) -> None:
    store = open_postgres_store("postgresql://nobody:hidden-word@127.0.0.1:1/none")
    app = make_control(msgspec.structs.replace(bench.plane, store=store))
    async with caller(app, local_token(bench.plane.seal)) as client:
        answer = await client.get("/api/v1/keys")
    store.close()
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert "127.0.0.1" not in answer.text
