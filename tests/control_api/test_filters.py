"""What is asked for by a name that nobody bears is refused with the nearest, not answered with nothing."""

from __future__ import annotations

import pytest

from tests.control_api.bench import Bench, applied, made_key

pytestmark = pytest.mark.anyio


async def test_an_export_of_an_owner_that_made_nothing_is_refused(bench: Bench) -> None:
    async with bench.client() as client:
        await applied(client)
        for form in ("yaml", "json"):
            answer = await client.get(f"/api/v1/export?owner=turnpik.yaml&format={form}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
            assert 'did you mean "turnpike.yaml"? (known: turnpike, turnpike.yaml)' in answer.json()["detail"]


async def test_owners_that_are_always_there_may_have_made_nothing(bench: Bench) -> None:
    async with bench.client() as client:
        answers = [await client.get(f"/api/v1/export?owner={owner}") for owner in ("api", "environment")]
    assert [answer.status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize(
    ("query", "words"),
    [("kind=team", 'did you mean "teams"?'), ("action=revoked", 'did you mean "revoke"?')],
)
async def test_the_audit_trail_is_filtered_by_what_it_can_hold(bench: Bench, query: str, words: str) -> None:
    async with bench.client() as client:
        answer = await client.get(f"/api/v1/audit?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert words in answer.json()["detail"]


async def test_every_action_can_be_asked_for(bench: Bench) -> None:
    async with bench.client() as client:
        await made_key(client, "v", role="viewer")
        await client.put("/api/v1/keys/v", json={"role": "viewer", "description": "other"})
        await client.post("/api/v1/keys/v/rotate")
        await client.post("/api/v1/keys/v/revoke")
        await client.delete("/api/v1/keys/v")
        for action in ("create", "update", "rotate", "revoke", "delete"):
            items = (await client.get(f"/api/v1/audit?kind=keys&name=v&action={action}")).json()["items"]
            assert [item["action"] for item in items] == [action]
