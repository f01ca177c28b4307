"""Documents: planned, applied whole or not at all, exported."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from ruamel.yaml import YAML

from tests.control_api.bench import DOCUMENT, DOCUMENT_TYPE, SECRETS, Bench, applied, sent
from turnpike.domain.snapshot import decode_snapshot

pytestmark = pytest.mark.anyio


def _parsed(text: str) -> Any:
    return YAML(typ="safe").load(text)


async def _posted(client: httpx.AsyncClient, what: str, text: str, **more: Any) -> httpx.Response:
    return await client.post(f"/api/v1/{what}", json=sent(text, **more), headers=DOCUMENT_TYPE)


async def test_a_plan_shows_what_apply_does_and_changes_nothing(bench: Bench) -> None:
    async with bench.client() as client:
        revision = bench.plane.store.revision()
        planned = (await _posted(client, "plan", DOCUMENT)).json()
        assert bench.plane.store.revision() == revision
        done = await applied(client)
        after = (await _posted(client, "plan", DOCUMENT)).json()
    assert planned["changes"] == done["changes"]
    assert [(c["action"], c["kind"], c["name"]) for c in planned["changes"]][:2] == [
        ("create", "providers", "local"),
        ("create", "models", "fast"),
    ]
    assert after["changes"] == []
    assert len(after["unchanged"]) == 6


async def test_what_was_applied_is_exported_equal(bench: Bench) -> None:
    async with bench.client() as client:
        await applied(client)
        exported = await client.get("/api/v1/export")
        as_json = await client.get("/api/v1/export?format=json")
        again = await _posted(client, "plan", exported.text, secrets={})
    assert exported.headers["content-type"].startswith("application/yaml")
    assert _parsed(exported.text) == _parsed(DOCUMENT) == as_json.json()
    assert again.json()["changes"] == []


async def test_what_a_later_version_names_no_longer_is_removed_and_what_others_made_stays(
    bench: Bench,
) -> None:
    async with bench.client() as client:
        await applied(client)
        await client.put("/api/v1/teams/by-hand", json={})
        await applied(client, "teams: [{name: other}]", owner="other.yaml")
        await applied(client, "teams: [{name: research, models: [fast]}]")
        teams = [item["name"] for item in (await client.get("/api/v1/teams")).json()["items"]]
        providers = (await client.get("/api/v1/providers")).json()["items"]
    assert teams == ["by-hand", "other", "research"]
    assert providers == []


async def test_a_faulty_document_changes_nothing_and_names_every_fault(bench: Bench) -> None:
    text = DOCUMENT.replace("provider: local, model: small", "provider: lcoal, model: small").replace(
        "team: research,", "team: reserch,"
    )
    async with bench.client() as client:
        revision = bench.plane.store.revision()
        answer = await _posted(client, "apply", text)
    problem = answer.json()
    assert answer.status_code == 400
    assert bench.plane.store.revision() == revision
    assert [(f["file"], f["line"], f["path"]) for f in problem["faults"]] == [
        ("turnpike.yaml", 4, "models[0].targets[0].provider"),
        ("turnpike.yaml", 10, "keys[0].team"),
    ]
    assert all("did you mean" in fault["message"] for fault in problem["faults"])


async def test_a_reference_without_a_value_is_a_fault_until_it_is_stored(bench: Bench) -> None:
    async with bench.client() as client:
        missing = await _posted(
            client, "apply", DOCUMENT, secrets={}, missing=["env:LOCAL_KEY", "env:RESEARCH_KEY"]
        )
        unsent = await client.post("/api/v1/apply?owner=turnpike.yaml", content=DOCUMENT, headers=YAML_TYPE)
        await applied(client)
        known = await client.post("/api/v1/apply?owner=turnpike.yaml", content=DOCUMENT, headers=YAML_TYPE)
    assert missing.status_code == unsent.status_code == 400
    assert len(missing.json()["faults"]) == 2
    assert (known.status_code, known.json()["changes"]) == (200, [])


YAML_TYPE = {"content-type": "application/yaml"}


async def test_a_changed_secret_is_a_change_and_shows_no_value(bench: Bench) -> None:
    rotated = {**SECRETS, "env:LOCAL_KEY": "canary-credential-2"}
    async with bench.client() as client:
        await applied(client)
        planned = (await _posted(client, "plan", DOCUMENT, secrets=rotated)).json()
        await applied(client, secrets=rotated)
        event = (await client.get("/api/v1/audit?limit=1")).json()["items"][0]
    assert [(c["action"], c["name"]) for c in planned["changes"]] == [("update", "local")]
    assert planned["changes"][0]["fields"] == [
        {
            "field": "credential",
            "before": "${env:LOCAL_KEY}",
            "after": "${env:LOCAL_KEY}",
            "secret_changed": True,
        }
    ]
    assert event["detail"]["secrets"] == ["credential"]
    published = bench.plane.store.snapshots(1)[0]
    sealed = decode_snapshot(published.body).providers[0].credentials[0]
    assert bench.plane.seal.open(sealed, "credential") == b"canary-credential-2"


async def test_a_literal_secret_is_sealed_and_exported_as_a_mark_that_applies(bench: Bench) -> None:
    text = DOCUMENT.replace("${env:LOCAL_KEY}", "canary-literal-credential")
    async with bench.client() as client:
        await applied(client, text)
        exported = (await client.get("/api/v1/export")).text
        again = await _posted(client, "apply", exported, secrets={})
    assert "canary" not in exported
    assert "${sealed:providers/local/credential}" in exported
    assert (again.status_code, again.json()["changes"]) == (200, []), again.text


async def test_two_keys_never_share_a_secret(bench: Bench) -> None:
    text = "teams: [{name: t}]\nkeys: [{name: copy, team: t, secret: canary-brought-key-0001}]\n"
    async with bench.client() as client:
        await applied(client)
        answer = await _posted(client, "apply", text, owner="other.yaml")
    assert answer.status_code == 400
    assert answer.json()["faults"][0]["path"] == "keys[0].secret"
    assert "canary" not in answer.text


async def test_a_key_without_a_secret_is_made_once_and_kept(bench: Bench) -> None:
    text = "teams: [{name: t}]\nkeys: [{name: made, team: t}]\n"
    async with bench.client() as client:
        first = await applied(client, text)
        second = await applied(client, text.replace("team: t}", "team: t, models: [fast]}"))
    assert [key["name"] for key in first["keys"]] == ["made"]
    assert first["keys"][0]["secret"].startswith("tpk_")
    assert second["keys"] == []
    assert len(second["changes"]) == 1


async def test_a_put_and_an_apply_give_the_same_audit_events(bench: Bench) -> None:
    async with bench.client() as client:
        await applied(client, "teams: [{name: t, models: [a]}]", owner="ours")
        await applied(client, "teams: [{name: t, models: [b]}]", owner="ours")
        await applied(client, "", owner="ours")
        by_apply = (await client.get("/api/v1/audit?limit=3")).json()["items"]
        await client.put("/api/v1/teams/t", json={"models": ["a"]})
        await client.put("/api/v1/teams/t", json={"models": ["b"]})
        await client.delete("/api/v1/teams/t")
        by_hand = (await client.get("/api/v1/audit?limit=3")).json()["items"]
    told = ("actor", "action", "kind", "name", "before", "after")
    assert [{k: e[k] for k in told} for e in by_apply] == [{k: e[k] for k in told} for e in by_hand]
    assert [e["action"] for e in by_hand] == ["delete", "update", "create"]
    assert [e["detail"] for e in by_apply] == [{"owner": "ours"}] * 3
    assert [e["detail"] for e in by_hand] == [{"owner": "api"}] * 3


async def test_changes_at_once_come_one_after_another_and_all_are_kept(bench: Bench) -> None:
    async with bench.client() as client:
        answers = await asyncio.gather(
            *(client.put(f"/api/v1/teams/t{number}", json={}) for number in range(12)),
        )
        teams = (await client.get("/api/v1/teams")).json()["items"]
        verdict = (await client.get("/api/v1/audit/verify")).json()
    assert {answer.status_code for answer in answers} == {201}
    assert len(teams) == 12
    assert verdict["intact"]


async def test_a_name_that_no_model_bears_is_remarked_upon(bench: Bench) -> None:
    async with bench.client() as client:
        planned = (await _posted(client, "plan", DOCUMENT.replace("models: [fast]", "models: [fats]"))).json()
    assert 'did you mean "fast"' in planned["remarks"][0]["message"]


async def test_the_schema_describes_every_kind(bench: Bench) -> None:
    async with bench.client() as client:
        schema = (await client.get("/api/v1/schema")).json()
    assert set(schema["properties"]) == {"providers", "models", "teams", "projects", "users", "keys"}


async def test_the_pages_load_nothing_from_elsewhere(bench: Bench) -> None:
    async with bench.client() as client:
        page = await client.get("/docs")
        described = await client.get("/openapi.json")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.text.replace("/internal", "").lower().replace("<!doctype html>", "")
    assert "/api/v1/{kind}/{name}" in page.text
    assert described.json()["paths"]["/api/v1/apply"]["post"]["x-roles"] == ["owner", "admin", "team-admin"]


async def test_a_long_name_of_a_file_is_shown_by_its_end(bench: Bench) -> None:
    """It stands in every fault: a hundred times in one answer."""
    async with bench.client() as client:
        answer = await _posted(
            client, "plan", "teams: [{nome: x}]", file="/deep" * 1_000_000 + "/turnpike.yaml", owner="o"
        )
    assert answer.status_code == 400
    (fault, *_) = answer.json()["faults"]
    assert fault["file"].startswith("…")
    assert fault["file"].endswith("/deep/turnpike.yaml")
    assert len(fault["file"]) == 200


async def test_what_does_not_show_in_a_files_name_is_replaced(bench: Bench) -> None:
    async with bench.client() as client:
        answer = await _posted(client, "plan", "teams: [{nome: x}]", file="a\nb\x1b", owner="o")
    assert answer.json()["faults"][0]["file"] == "a\ufffdb\ufffd"


async def test_two_owners_for_one_document_are_refused(bench: Bench) -> None:
    async with bench.client() as client:
        address = "/api/v1/plan?owner=a"
        refused = await client.post(address, json=sent("", owner="b"), headers=DOCUMENT_TYPE)
        taken = await client.post(address, json=sent("", owner="a"), headers=DOCUMENT_TYPE)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
    assert '?owner= says "a" and the body\'s `owner` "b"' in refused.json()["detail"]
    assert taken.json()["owner"] == "a"


async def test_a_resource_that_an_alias_repeats_is_refused(bench: Bench) -> None:
    async with bench.client() as client:
        for what in ("plan", "apply"):
            answer = await _posted(client, what, "teams: [&a {name: x}, *a]")
            assert answer.status_code == 400
            assert "by an alias" in answer.json()["detail"]
