"""Keys: shown once, kept as digests, rotated with an overlap, revoked for good."""

from __future__ import annotations

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from tests.control_api.bench import START_NS, Bench, applied, caller, made_key
from turnpike.control.services.snapshots import After, next_snapshot
from turnpike.control.services.standing import sealed_secrets, standing_of
from turnpike.domain.key import is_mistyped
from turnpike.domain.snapshot import Key, decode_snapshot
from turnpike.ports.store import Change

pytestmark = pytest.mark.anyio

BROUGHT = "brought-from-elsewhere-1"


def _published(app: FastAPI, name: str) -> Key:
    return next(
        key for key in decode_snapshot(app.state.road.publication.current.body).keys if key.name == name
    )


async def _opens(app: FastAPI, key: str) -> str:
    async with caller(app, key) as client:
        answer = await client.get("/api/v1/whoami")
        return "opens" if answer.status_code == 200 else str(answer.json()["code"])


async def test_a_made_key_is_shown_once(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as client:
        secret = await made_key(client, "v", role="viewer")
        later = [
            await client.get("/api/v1/keys/v"),
            await client.get("/api/v1/keys"),
            await client.put("/api/v1/keys/v", json={"role": "viewer"}),
        ]
        assert await _opens(app, secret) == "opens"
        assert _published(app, "v").secrets[0].digest == bench.plane.seal.digest(secret.encode(), "key")
    assert not is_mistyped(secret)
    assert all(secret not in answer.text for answer in later)


async def test_the_old_secret_of_a_rotated_key_is_valid_for_the_overlap(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as client:
        old = await made_key(client, "v", role="viewer")
        answer = await client.post("/api/v1/keys/v/rotate", json={"overlap_seconds": 60})
        new = answer.json()["secret"]
        assert [s.expires_at_ns for s in _published(app, "v").secrets] == [None, START_NS + 60_000_000_000]
        assert [await _opens(app, key) for key in (old, new)] == ["opens", "opens"]
        bench.clock.pass_seconds(61)
        assert [await _opens(app, key) for key in (old, new)] == ["expired_key", "opens"]


async def test_without_an_overlap_the_old_secret_ends_at_once(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as client:
        old = await made_key(client, "v", role="viewer")
        new = (await client.post("/api/v1/keys/v/rotate")).json()["secret"]
        assert [await _opens(app, key) for key in (old, new)] == ["invalid_key", "opens"]


@pytest.mark.parametrize("way", ["rotate", "revoke"])
async def test_what_is_published_of_one_changed_key_is_what_all_of_the_store_compiles_to(
    bench: Bench, way: str
) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as client:
        await applied(client)
        await made_key(client, "v", role="viewer")
        await client.post(f"/api/v1/keys/v/{way}")
        state = bench.plane.store.state()
        keys = {key.name: key for key in state.keys}
        whole = After(standing_of(state), sealed_secrets(state), keys)
        assert state.snapshot is not None
        assert state.snapshot.serial == 4
        assert next_snapshot(bench.plane, state.snapshot, whole) is None


async def test_a_key_is_revoked_where_what_is_published_cannot_be_read(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as client:
        await made_key(client, "v", role="viewer")
        store = bench.plane.store
        published = store.snapshots(1)[0]
        unread = msgspec.structs.replace(published, serial=published.serial + 1, body=b"of another release")
        store.commit(Change(store.revision(), audit_head=store.audit_head(), snapshot=unread))
        assert (await client.post("/api/v1/keys/v/revoke")).status_code == 200
        assert {key.name for key in decode_snapshot(store.snapshots(1)[0].body).keys} == {
            "administrator",
            "v",
        }
        assert _published(app, "v").revoked


async def test_rotations_that_overlap_never_lengthen_a_secrets_life(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as client:
        await made_key(client, "v", role="viewer")
        for overlap in (10, 1000):
            await client.post("/api/v1/keys/v/rotate", json={"overlap_seconds": overlap})
        lives = [s.expires_at_ns for s in _published(app, "v").secrets]
    assert lives == [None, START_NS + 1000 * 10**9, START_NS + 10 * 10**9]


async def test_rotations_are_bounded(bench: Bench) -> None:
    body = {"overlap_seconds": 1000}
    async with bench.client() as client:
        await made_key(client, "v", role="viewer")
        answers = [await client.post("/api/v1/keys/v/rotate", json=body) for _ in range(6)]
        too_long = await client.post("/api/v1/keys/v/rotate", json={"overlap_seconds": 10**9})
        backwards = await client.post("/api/v1/keys/v/rotate", json={"overlap_seconds": -1})
    assert [a.status_code for a in answers] == [200, 200, 200, 200, 409, 409]
    assert [a.status_code for a in (too_long, backwards)] == [400, 400]


async def test_a_brought_key_is_rotated_to_another_brought_one(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as client:
        await client.put("/api/v1/keys/b", json={"role": "viewer", "secret": BROUGHT})
        assert await _opens(app, BROUGHT) == "opens"
        refused = await client.post("/api/v1/keys/b/rotate", json={})
        done = await client.post("/api/v1/keys/b/rotate", json={"secret": BROUGHT + "-next"})
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
        assert done.status_code == 200
        assert "secret" in done.json()
        assert [await _opens(app, key) for key in (BROUGHT, BROUGHT + "-next")] == ["invalid_key", "opens"]


@pytest.mark.parametrize(
    "secret", ["too-short", "tpk_" + "0" * 38, "with a space in the middle", "line\nbreak-of-20-characters"]
)
async def test_a_brought_secret_of_a_wrong_form_is_refused_without_being_repeated(
    bench: Bench, secret: str
) -> None:
    async with bench.client() as client:
        await made_key(client, "v", role="viewer")
        rotated = await client.post("/api/v1/keys/v/rotate", json={"secret": secret})
        put = await client.put("/api/v1/keys/new", json={"role": "viewer", "secret": secret})
    assert [rotated.status_code, put.status_code] == [400, 400]
    assert secret not in rotated.json()["detail"] + put.text


async def test_a_secret_that_opens_a_key_already_is_refused(bench: Bench) -> None:
    async with bench.client() as client:
        await client.put("/api/v1/keys/b", json={"role": "viewer", "secret": BROUGHT})
        await made_key(client, "v", role="viewer")
        answer = await client.post("/api/v1/keys/v/rotate", json={"secret": BROUGHT})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


async def test_a_revoked_key_is_published_as_such_and_stays_so(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as client:
        await applied(client)
        revoked = await client.post("/api/v1/keys/research-app/revoke")
        revision = bench.plane.store.revision()
        again = await client.post("/api/v1/keys/research-app/revoke")
        assert (again.status_code, bench.plane.store.revision()) == (200, revision)
        assert revoked.json()["meta"]["revoked_at"] == "2027-01-15T08:00:00.000000000Z"
        assert _published(app, "research-app").revoked
        await applied(client)
        await client.put(
            "/api/v1/keys/research-app",
            json={"team": "research", "secret": "${env:RESEARCH_KEY}", "description": "x"},
        )
        assert _published(app, "research-app").revoked
        rotated = await client.post("/api/v1/keys/research-app/rotate", json={})
        assert (rotated.status_code, rotated.json()["code"]) == (409, "conflict")


async def test_a_removed_key_opens_nothing_and_its_name_starts_anew(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as client:
        old = await made_key(client, "v", role="viewer")
        await client.post("/api/v1/keys/v/revoke")
        await client.delete("/api/v1/keys/v")
        assert await _opens(app, old) == "invalid_key"
        new = await made_key(client, "v", role="viewer")
        assert [await _opens(app, key) for key in (old, new)] == ["invalid_key", "opens"]


async def test_rotating_and_revoking_are_audit_events(bench: Bench) -> None:
    async with bench.client() as client:
        await made_key(client, "v", role="viewer")
        await client.post("/api/v1/keys/v/rotate", json={"overlap_seconds": 60})
        await client.post("/api/v1/keys/v/revoke")
        events = (await client.get("/api/v1/audit?kind=keys&name=v")).json()["items"]
    assert [event["action"] for event in events] == ["revoke", "rotate", "create"]
    assert events[1]["detail"] == {"overlap_seconds": 60, "secret": "made"}
    assert events[0]["after"]["revoked"] is True


async def test_a_change_of_secret_moves_the_etag(bench: Bench) -> None:
    async with bench.client() as client:
        await made_key(client, "v", role="viewer")
        before = (await client.get("/api/v1/keys/v")).headers["etag"]
        rotated: httpx.Response = await client.post("/api/v1/keys/v/rotate", json={})
    assert rotated.headers["etag"] != before


async def test_a_key_that_is_over_gets_no_new_secret_until_it_gets_another_end(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as client:
        old = await made_key(client, "v", role="viewer", expires_at="2027-01-15T08:00:10Z")
        bench.clock.pass_seconds(11)
        refused = await client.post("/api/v1/keys/v/rotate")
        await client.put("/api/v1/keys/v", json={"role": "viewer", "expires_at": "2027-01-16T08:00:00Z"})
        rotated = await client.post("/api/v1/keys/v/rotate")
        opening = [await _opens(app, key) for key in (old, rotated.json()["secret"])]
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "expired at 2027-01-15T08:00:10Z" in refused.json()["detail"]
    assert "later expires_at" in refused.json()["detail"]
    assert opening == ["invalid_key", "opens"]
