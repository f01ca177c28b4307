"""Explaining: which level denies, which target is tried first, and to whom it is told."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec
import pytest

from tests.control_api.bench import Bench, applied, caller, made_key
from turnpike.providers.table import PROVIDERS

pytestmark = pytest.mark.anyio

DOCUMENT = """\
providers:
  - {name: near, kind: openai-compatible, base_url: "http://127.0.0.1:9000/v1", region: eu, retries: 1}
  - {name: far, kind: openai-compatible, base_url: "http://127.0.0.1:9001/v1", total_timeout_seconds: 90}
models:
  - name: "local/*"
    targets: [{provider: near, model: "*"}, {provider: far, model: "x-*"}]
    connect_timeout_seconds: 2
  - {name: "local/small-*", targets: [{provider: far, model: tiny}], retries: 0}
teams:
  - {name: research, models: ["local/*"], required_tags: [app]}
  - {name: sales, models: ["*"]}
projects:
  - {name: search, team: research, models: ["local/s*"], surfaces: ["openai.*"]}
keys:
  - {name: app, project: search}
  - {name: narrow, team: research, models: [other], surfaces: [openai.chat]}
  - {name: empty, role: viewer}
"""


async def _explained(client: httpx.AsyncClient, key: str, model: str, **more: str) -> dict[str, Any]:
    answer = await client.post("/api/v1/explain", json={"key": key, "model": model, **more})
    assert answer.status_code == 200, answer.text
    values: dict[str, Any] = answer.json()
    return values


async def test_every_level_says_what_it_allows(bench: Bench) -> None:
    async with bench.client() as client:
        await applied(client, DOCUMENT)
        found = await _explained(client, "app", "local/strong", surface="anthropic.messages")
    assert (found["allowed"], found["code"]) == (False, "surface_not_allowed")
    assert "projects/search does not allow" in found["says"]
    assert [(v["level"], v["allows_model"], v["allows_surface"]) for v in found["levels"]] == [
        ("teams/research", True, None),
        ("projects/search", True, False),
        ("keys/app", None, None),
    ]
    assert (found["required_tags"], found["missing_tags"]) == (["app"], ["app"])


async def test_targets_come_in_their_order_with_the_models_own_limits(bench: Bench) -> None:
    async with bench.client() as client:
        await applied(client, DOCUMENT)
        found = await _explained(client, "app", "local/strong")
        narrower = await _explained(client, "app", "local/small-1")
    assert (found["allowed"], found["means"], found["star"]) == (True, "local/*", "strong")
    targets = found["targets"]
    assert [(t["provider"], t["model"], t["region"], t["retries"]) for t in targets] == [
        ("near", "strong", "eu", 1),
        ("far", "x-strong", None, 2),
    ]
    assert [t["limits"]["connect_seconds"] for t in targets] == [2, 2]
    assert [t["limits"]["total_seconds"] for t in targets] == [600, 90]
    assert (narrower["means"], narrower["targets"][0]["model"]) == ("local/small-*", "tiny")
    assert narrower["targets"][0]["retries"] == 0


@pytest.mark.parametrize(
    ("key", "model", "code", "words"),
    [
        ("narrow", "local/a", "model_not_allowed", "keys/narrow does not allow"),
        ("narrow", "nowhere", "model_not_found", "teams/research and keys/narrow do not allow"),
        ("empty", "local/a", "model_not_allowed", "no level names any model"),
        ("app", "local/a", "model_not_allowed", "projects/search"),
    ],
)
async def test_what_denies_is_named(bench: Bench, key: str, model: str, code: str, words: str) -> None:
    async with bench.client() as client:
        await applied(client, DOCUMENT)
        found = await _explained(client, key, model)
    assert (found["allowed"], found["code"]) == (False, code)
    assert words in found["says"]


async def test_a_revoked_and_an_expired_key_are_told(bench: Bench) -> None:
    async with bench.client() as client:
        await applied(client, DOCUMENT)
        await client.post("/api/v1/keys/app/revoke")
        await made_key(client, "short", team="sales", expires_at="2027-01-15T08:00:10Z")
        before = await _explained(client, "short", "local/a")
        bench.clock.pass_seconds(11)
        codes = [(await _explained(client, key, "local/a"))["code"] for key in ("app", "short")]
    assert before["allowed"]
    assert codes == ["revoked_key", "expired_key"]


async def test_tags_that_are_given_and_those_that_the_call_must_bring_are_told(bench: Bench) -> None:
    async with bench.client() as client:
        await applied(client, DOCUMENT)
        lacking = await _explained(client, "app", "local/small-1")
        await made_key(client, "tagged", project="search", tags={"app": "search"})
        tagged = await _explained(client, "tagged", "local/small-1")
    assert (lacking["allowed"], lacking["tags"], lacking["missing_tags"]) == (True, {}, ["app"])
    assert "if it brings the tag app (x-turnpike-tags)" in lacking["says"]
    assert (tagged["tags"], tagged["missing_tags"]) == ({"app": "search"}, [])
    assert tagged["says"] == "the gateway takes such a call"


async def test_only_targets_that_speak_the_surface_are_told_of_a_call_on_it(bench: Bench) -> None:
    plane = msgspec.structs.replace(bench.plane, providers=PROVIDERS)
    text = """\
providers:
  - {name: o, kind: openai-compatible, base_url: "http://127.0.0.1:9000/v1"}
  - {name: a, kind: anthropic-compatible, base_url: "http://127.0.0.1:9001"}
models: [{name: m, targets: [{provider: o, model: x}, {provider: a, model: y}]}]
keys: [{name: k, role: viewer, models: ["*"]}]
"""
    both = msgspec.structs.replace(bench, plane=plane)
    async with both.client() as client:
        await applied(client, text)
        messages = await _explained(client, "k", "m", surface="anthropic.messages")
        embeddings = await _explained(client, "k", "m", surface="openai.embeddings")
        any_way = await _explained(client, "k", "m")
    told = [[t["provider"] for t in found["targets"]] for found in (messages, embeddings, any_way)]
    assert told == [["a"], ["o"], ["o", "a"]]


async def test_a_secret_in_place_of_a_name_is_not_repeated_and_near_names_are_told(bench: Bench) -> None:
    async with bench.client() as client:
        await applied(client, DOCUMENT)
        secret = await made_key(client, "fresh", team="sales")
        pasted = await client.post("/api/v1/explain", json={"key": secret, "model": "m"})
        others = [await client.post(f"/api/v1/keys/{secret}/{way}") for way in ("rotate", "revoke")]
        others += [await client.get(f"/api/v1/keys/{secret}"), await client.delete(f"/api/v1/keys/{secret}")]
        mistyped = await client.post("/api/v1/explain", json={"key": "narow", "model": "m"})
    assert all(answer.status_code == 404 for answer in (pasted, *others))
    assert all(secret not in answer.json()["detail"] for answer in (pasted, *others))
    assert 'there is no key of this name; did you mean "narrow"?' in mistyped.json()["detail"]


async def test_a_team_admin_learns_of_his_own_keys_only(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        await applied(owner, DOCUMENT)
        await made_key(owner, "theirs", team="sales")
        lead = await made_key(owner, "lead", team="research", role="team-admin")
        async with caller(app, lead) as client:
            assert (await _explained(client, "app", "local/s1"))["allowed"]
            other = await client.post("/api/v1/explain", json={"key": "theirs", "model": "local/a"})
            assert "theirs" not in other.json()["detail"]
    assert (other.status_code, other.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"key": "nobody", "model": "m"}, 404),
        ({"key": "app"}, 400),
        ({"key": "app", "model": "m", "surface": "openai.chta"}, 400),
        ({"key": "app", "model": "m", "modle": "x"}, 400),
    ],
)
async def test_a_question_that_is_none_is_refused(bench: Bench, body: dict[str, str], status: int) -> None:
    async with bench.client() as client:
        await applied(client, DOCUMENT)
        assert (await client.post("/api/v1/explain", json=body)).status_code == status


@pytest.mark.parametrize(
    ("key", "model", "words"),
    [
        ("everything", "locl/*", 'no model of this name is configured; did you mean "local/*"?'),
        ("narrow", "fasst", 'do not allow the model; did you mean "fast"?'),
    ],
)
async def test_a_mistyped_model_is_told_the_nearest(bench: Bench, key: str, model: str, words: str) -> None:
    text = DOCUMENT.replace(
        "models:\n", "models:\n  - {name: fast, targets: [{provider: near, model: m}]}\n", 1
    )
    async with bench.client() as client:
        await applied(client, text)
        await made_key(client, "everything", team="sales")
        found = await _explained(client, key, model)
    assert (found["allowed"], found["code"]) == (False, "model_not_found")
    assert words in found["says"]
