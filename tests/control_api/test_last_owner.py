"""The last key of an owner: the API does not lock everybody out; who has control's home at hand may."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.control_api.bench import DOCUMENT_TYPE, Bench, applied, caller, made_key, sent

pytestmark = pytest.mark.anyio

LATER = "2030-01-01T00:00:00Z"
OWNERS_DOCUMENT = "keys: [{name: chief, role: owner}]"


def _refused(answer: httpx.Response) -> bool:
    return answer.status_code == 409 and "last key" in answer.json()["detail"]


async def _administrator(client: httpx.AsyncClient) -> dict[str, Any]:
    values: dict[str, Any] = (await client.get("/api/v1/keys/administrator")).json()
    return values


async def test_the_last_owners_key_is_neither_removed_nor_revoked_nor_changed_by_the_api(
    bench: Bench,
) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        before = await _administrator(owner)
        answers = [
            await owner.delete("/api/v1/keys/administrator"),
            await owner.post("/api/v1/keys/administrator/revoke"),
            await owner.put("/api/v1/keys/administrator", json={"role": "owner", "revoked": True}),
            await owner.put("/api/v1/keys/administrator", json={"role": "owner", "expires_at": LATER}),
            await owner.put("/api/v1/keys/administrator", json={"role": "admin"}),
        ]
        assert [_refused(answer) for answer in answers] == [True] * 5, [a.text for a in answers]
        assert await _administrator(owner) == before


async def test_the_refusal_names_the_way_out(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        answer = await owner.delete("/api/v1/keys/administrator")
    assert answer.json()["code"] == "conflict"
    assert "on control's machine" in answer.json()["detail"]


async def test_with_another_owners_key_one_can_go(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        second = await made_key(owner, "second", role="owner")
        async with caller(app, second) as other:
            assert (await other.delete("/api/v1/keys/administrator")).status_code == 204
            assert _refused(await other.post("/api/v1/keys/second/revoke"))


@pytest.mark.parametrize(
    "fields", [{"role": "owner", "expires_at": LATER}, {"role": "owner", "revoked": True}]
)
async def test_an_owners_key_that_ends_is_not_enough(bench: Bench, fields: dict[str, object]) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        await made_key(owner, "second", **fields)
        assert _refused(await owner.delete("/api/v1/keys/administrator"))


async def test_a_key_of_a_user_who_is_owner_counts_for_as_long_as_he_is(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        assert (await owner.put("/api/v1/users/ann", json={"role": "owner"})).status_code == 201
        anns = await made_key(owner, "anns", user="ann")
        async with caller(app, anns) as ann:
            assert (await ann.delete("/api/v1/keys/administrator")).status_code == 204
            assert _refused(await ann.put("/api/v1/users/ann", json={"role": "admin"}))


async def test_applying_a_document_does_not_remove_the_last_one(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        made = (await applied(owner, OWNERS_DOCUMENT))["keys"][0]["secret"]
        async with caller(app, made) as chief:
            assert (await chief.delete("/api/v1/keys/administrator")).status_code == 204
            body = sent("keys: []")
            for path in ("/api/v1/plan", "/api/v1/apply"):
                assert _refused(await chief.post(path, json=body, headers=DOCUMENT_TYPE))
            assert (await chief.get("/api/v1/keys/chief")).status_code == 200


async def test_rotating_the_last_one_is_allowed(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        answer = await owner.post("/api/v1/keys/administrator/rotate", json={"overlap_seconds": 60})
    assert answer.status_code == 200


async def test_who_has_the_home_at_hand_may_remove_the_last_one(bench: Bench) -> None:
    async with bench.client() as local:
        assert (await local.post("/api/v1/keys/administrator/revoke")).status_code == 200
        assert (await local.delete("/api/v1/keys/administrator")).status_code == 204


async def test_what_has_no_owner_any_more_can_still_be_changed_by_an_admin(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        admin = await made_key(owner, "admin", role="admin")
    async with bench.client() as local:
        await local.delete("/api/v1/keys/administrator")
    async with bench.client(admin) as client:
        assert (await client.put("/api/v1/teams/t", json={})).status_code == 201


async def test_whoever_has_the_home_at_hand_is_told_that_no_owner_is_left(bench: Bench) -> None:
    async with bench.client() as client:
        await made_key(client, "second", role="owner")
        one_left = (await client.post("/api/v1/keys/administrator/revoke")).json()
        none_left = (await client.post("/api/v1/keys/second/revoke")).json()
    assert "remarks" not in one_left["meta"]
    assert "the last key of an owner" in none_left["meta"]["remarks"][0]["message"]
