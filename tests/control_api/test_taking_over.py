"""Whose a resource is: owners that no document can be, and documents that take over what others made."""

from __future__ import annotations

import httpx
import pytest

from tests.control_api.bench import DOCUMENT_TYPE, Bench, applied, caller, made_key, sent
from tests.control_api.conftest import Opening
from turnpike.control.document.reading import Source
from turnpike.control.document.reference import Hidden
from turnpike.control.services.documents import Document
from turnpike.control.services.start import Variables
from turnpike.domain.errors import InvalidRequest

pytestmark = pytest.mark.anyio

TEAMS = "teams: [{name: research}, {name: sales}]"


async def _posted(client: httpx.AsyncClient, path: str, text: str, owner: str = "ours") -> httpx.Response:
    return await client.post(f"/api/v1/{path}", json=sent(text, owner=owner), headers=DOCUMENT_TYPE)


async def _owners(client: httpx.AsyncClient, kind: str) -> dict[str, str]:
    items = (await client.get(f"/api/v1/{kind}")).json()["items"]
    return {item["name"]: item["meta"]["owner"] for item in items}


@pytest.mark.parametrize("owner", ["api", "environment", "turnpike"])
async def test_no_document_can_be_an_owner_that_control_uses_itself(bench: Bench, owner: str) -> None:
    async with bench.client() as client:
        await made_key(client, "by-hand", role="viewer")
        answers = [await _posted(client, what, "", owner) for what in ("plan", "apply")]
        keys = await _owners(client, "keys")
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(400, "invalid_request")] * 2
    assert f'"{owner}"' in answers[0].json()["detail"]
    assert "by-hand" in keys


async def test_nor_can_the_document_of_a_start(opened: Opening) -> None:
    with pytest.raises(InvalidRequest, match='"api"'):
        opened(Document(Source("api", TEAMS), "api"))


async def test_what_others_made_is_refused_with_the_ways_out(bench: Bench) -> None:
    async with bench.client() as client:
        await client.put("/api/v1/teams/research", json={})
        await applied(client, "teams: [{name: sales}]", owner="other.yaml")
        refused = await _posted(client, "plan", TEAMS)
    messages = [fault["message"] for fault in refused.json()["faults"]]
    assert refused.status_code == 400
    assert 'was made by "api"' in messages[0]
    assert 'was made by "other.yaml"' in messages[1]
    assert all("--take-over" in message and "?take_over=true" in message for message in messages)
    assert "--owner" not in messages[0]
    assert "--owner other.yaml" in messages[1]
    assert "?owner=" in messages[1]


async def test_a_document_takes_over_what_it_names_and_nothing_else(bench: Bench) -> None:
    async with bench.client() as client:
        await client.put("/api/v1/teams/research", json={"models": ["a"]})
        await applied(client, "teams: [{name: sales}, {name: support}]", owner="other.yaml")
        text = "teams: [{name: research, models: [b]}, {name: sales}]"
        planned = (await _posted(client, "plan?take_over=true", text)).json()
        before = await _owners(client, "teams")
        done = await _posted(client, "apply?take_over=true", text)
        after = await _owners(client, "teams")
        again = (await _posted(client, "apply", text)).json()
        shorter = (await _posted(client, "plan", "teams: [{name: sales}]")).json()
    assert before == {"research": "api", "sales": "other.yaml", "support": "other.yaml"}
    assert planned["lines"] == [
        "~ teams/research (taken over from api)",
        '    models: ["a"] -> ["b"]',
        "~ teams/sales (taken over from other.yaml)",
        "0 to create, 2 to change, 0 to remove, 0 unchanged",
    ]
    assert done.json()["changes"] == planned["changes"]
    assert after == {"research": "ours", "sales": "ours", "support": "other.yaml"}
    assert again["changes"] == []
    assert [(c["action"], c["name"]) for c in shorter["changes"]] == [("delete", "research")]


async def test_taking_over_is_audited_with_who_had_it(bench: Bench) -> None:
    async with bench.client() as client:
        await client.put("/api/v1/teams/research", json={})
        await _posted(client, "apply?take_over=true", "teams: [{name: research}]")
        event = (await client.get("/api/v1/audit?limit=1")).json()["items"][0]
    assert (event["action"], event["kind"], event["name"]) == ("update", "teams", "research")
    assert event["detail"] == {"owner": "ours", "previous_owner": "api"}


async def test_an_export_is_taken_over_whole_with_its_keys_as_they_are(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as client:
        await applied(client)
        secret = await made_key(client, "by-hand", role="viewer")
        exported = (await client.get("/api/v1/export")).text
        answer = await _posted(client, "apply?take_over=true", exported)
        owners = set((await _owners(client, "keys")).values()) | set(
            (await _owners(client, "teams")).values()
        )
        async with caller(app, secret) as viewer:
            opened = (await viewer.get("/api/v1/teams")).status_code
    assert answer.status_code == 200, answer.text
    assert answer.json()["keys"] == []
    assert owners == {"ours", "turnpike"}
    assert opened == 200


async def test_only_who_may_change_a_resource_takes_it_over(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        await applied(owner, TEAMS)
        await owner.put("/api/v1/projects/p", json={"team": "research"})
        key = await made_key(owner, "lead", team="research", role="team-admin")
        async with caller(app, key) as lead:
            own = await _posted(lead, "apply?take_over=true", "projects: [{name: p, team: research}]")
            team = await _posted(lead, "apply?take_over=true", "teams: [{name: research}]")
    assert own.status_code == 200, own.text
    assert (team.status_code, team.json()["code"]) == (403, "permission_denied")


async def test_an_administrators_key_that_a_document_took_over_is_no_longer_the_variables(
    opened: Opening,
) -> None:
    variables = Variables(Hidden("brought-administrator-key"), {})
    bench = opened(variables=variables)
    text = 'keys: [{name: administrator, role: owner, models: ["*"], secret: "${env:TURNPIKE_ADMIN_KEY}"}]'
    async with bench.client() as client:
        answer = await client.post(
            "/api/v1/apply?take_over=true",
            json=sent(text, {"env:TURNPIKE_ADMIN_KEY": "brought-administrator-key"}),
            headers=DOCUMENT_TYPE,
        )
        assert answer.status_code == 200, answer.text
    again = opened(variables=Variables(Hidden("another-administrator-key"), {}))
    async with again.client("brought-administrator-key") as client:
        assert await _owners(client, "keys") == {"administrator": "turnpike.yaml"}
