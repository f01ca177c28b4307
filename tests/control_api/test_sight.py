"""Whoever may not see a resource is told neither that it exists, nor its name, nor its revision.

Each question is put to two control planes that differ in nothing but resources that the caller may
not see: the answers must be the same.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.control_api.bench import KINDS, Bench, CountedRandomness, SetClock, applied, caller, made_key
from tests.control_api.workers import working
from turnpike.adapters.sealing.seal import MasterKeySeal
from turnpike.adapters.sql.store import open_sqlite_store
from turnpike.control.plane import Plane
from turnpike.control.services.start import Variables, start

pytestmark = pytest.mark.anyio

TEAM, PROJECT, USER, KEY, PROVIDER = (
    "zq-team-71",
    "zq-project-72",
    "zq-user-73",
    "zq-key-74",
    "zq-provider-75",
)
OWNER, REFERENCE, LABEL = "zq-owner-76", "ZQ_REFERENCE_77", "zq-label-78"
HIDDEN = (TEAM, PROJECT, USER, KEY, PROVIDER, OWNER, REFERENCE, LABEL)
HIDDEN_DOCUMENT = f"""\
providers: [{{name: {PROVIDER}, kind: openai-compatible, base_url: "http://127.0.0.1:9"}}]
teams: [{{name: {TEAM}, labels: {{l: {LABEL}}}, members: [{{user: {USER}}}, {{user: ours}}]}}]
projects: [{{name: {PROJECT}, team: {TEAM}, members: [ours]}}]
users: [{{name: {USER}, team: {TEAM}}}]
keys: [{{name: {KEY}, team: {TEAM}, secret: "${{env:{REFERENCE}}}"}}]
"""
KINDS_AND_NAMES = (
    ("providers", PROVIDER),
    ("teams", TEAM),
    ("projects", PROJECT),
    ("users", USER),
    ("keys", KEY),
)

_VERSION = re.compile(r'"version":"[^"]*"')
"""The whole configuration's, which any change of anything changes."""

Question = tuple[str, str, Any, dict[str, str]]


def of_resources() -> list[Question]:
    """Each verb on each kind of resource."""
    asked: list[Question] = []
    for kind, name in KINDS_AND_NAMES:
        path = f"/api/v1/{kind}/{name}"
        asked += [("GET", path, None, {}), ("DELETE", path, None, {}), ("GET", f"/api/v1/{kind}", None, {})]
        asked += [("DELETE", path, None, {"if-match": tag}) for tag in ("*", '"2"', '"9"')]
        asked += [("DELETE", path, None, {"if-none-match": "*"}), ("PUT", path, {}, {"if-match": "*"})]
        asked += [
            ("GET", f"/api/v1/{kind}?after={name[:-1]}", None, {}),
            ("GET", f"/api/v1/{kind}?owner={OWNER}", None, {}),
        ]
        asked += [("PUT", path[:-1], {"kind": "openai-compatible"}, {"if-match": '"9"'})]
    asked += [("PUT", f"/api/v1/{kind}/{name}", {}, {}) for kind, name in KINDS_AND_NAMES[:2]]
    asked += [("POST", f"/api/v1/keys/{KEY}/{verb}", {}, {}) for verb in ("rotate", "revoke")]
    return asked


def of_documents() -> list[Question]:
    """Documents that name what is hidden, or nearly, or want it in their own."""
    named: list[dict[str, Any]] = [
        {"keys": [{"name": "k", "team": TEAM}]},
        {"keys": [{"name": "k", "team": TEAM[:-1]}]},
        {"keys": [{"name": "k", "user": USER}]},
        {"keys": [{"name": "k", "user": USER[:-1]}]},
        {"keys": [{"name": "k", "project": PROJECT}]},
        {"projects": [{"name": "p", "team": TEAM}]},
        {"projects": [{"name": "p", "team": "research", "members": [USER]}]},
        {"projects": [{"name": "p", "team": "research", "members": [USER[:-1]]}]},
        {"users": [{"name": "u", "team": TEAM}]},
        {"models": [{"name": "m", "targets": [{"provider": PROVIDER, "model": "x"}]}]},
        {"models": [{"name": "m", "targets": [{"provider": PROVIDER[:-1], "model": "x"}]}]},
        {"teams": [{"name": TEAM}]},
        {"providers": [{"name": PROVIDER, "kind": "openai-compatible", "base_url": "http://x"}]},
        {"providers": [{"name": PROVIDER, "kind": "nothing-like-it"}]},
        {
            "keys": [
                {
                    "name": "k",
                    "team": "research",
                    "models": [PROVIDER[:-1]],
                    "secret": f"${{sealed:keys/{KEY}/secret}}",
                }
            ]
        },
        {"keys": [{"name": "k", "team": "research", "secret": f"${{env:{REFERENCE}}}"}]},
    ]
    return [
        ("POST", f"/api/v1/{verb}?owner=mine", body, {}) for body in named for verb in ("plan", "apply")
    ] + [
        ("PUT", f"/api/v1/{kind}/{item['name']}", item, {})
        for body in named
        for kind, (item,) in body.items()
        if item["name"] in ("k", "p", "u", "m")
    ]


QUESTIONS = [
    *of_resources(),
    *of_documents(),
    ("POST", "/api/v1/explain", {"key": KEY, "model": "fast"}, {}),
    ("POST", "/api/v1/explain", {"key": "lead", "model": PROVIDER}, {}),
    ("POST", f"/api/v1/providers/{PROVIDER}/check", {}, {}),
    ("GET", "/api/v1/whoami", None, {}),
]


@asynccontextmanager
async def led(
    folder: Path, *, with_hidden: bool
) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """A control plane's owner, and the administrator of its team `research`."""
    folder.mkdir()
    clock, randomness = SetClock(), CountedRandomness()
    store = open_sqlite_store(folder / "turnpike.db")
    plane = Plane(store, MasterKeySeal(b"m" * 32, randomness), clock, randomness, KINDS)
    bench = Bench(plane, clock, start(plane, Variables(None, {}), None), folder)
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        await applied(owner)
        await owner.put("/api/v1/users/ours", json={"team": "research"})
        key = await made_key(owner, "lead", team="research", role="team-admin")
        if with_hidden:
            await applied(
                owner, HIDDEN_DOCUMENT, owner=OWNER, secrets={f"env:{REFERENCE}": "a-hidden-key-of-a-team"}
            )
        async with caller(app, key) as lead:
            yield owner, lead
    store.close()


async def answered(lead: httpx.AsyncClient, question: Question) -> tuple[int, str, str | None]:
    method, path, body, headers = question
    answer = await lead.request(method, path, json=body, headers=headers)
    return answer.status_code, _VERSION.sub("", answer.text), answer.headers.get("etag")


async def test_what_is_hidden_changes_no_answer(tmp_path: Path) -> None:
    async with (
        led(tmp_path / "with", with_hidden=True) as (_, one),
        led(tmp_path / "without", with_hidden=False) as (_, other),
    ):
        for question in QUESTIONS:
            found, expected = await answered(one, question), await answered(other, question)
            assert found == expected, question
            assert found[0] != 500
            told = [name for name in HIDDEN if name in found[1] and name not in str(question)]
            assert not told, (question, found[1])


async def test_a_name_that_is_taken_is_told_as_that_alone(tmp_path: Path) -> None:
    """That much whoever makes resources of the kind finds out anyhow: a free name would do."""
    bodies = {"projects": {"team": "research"}, "users": {"team": "research"}, "keys": {"team": "research"}}
    async with led(tmp_path / "with", with_hidden=True) as (_, lead):
        for kind, name in KINDS_AND_NAMES[2:]:
            for body in (
                bodies[kind],
                {**bodies[kind], "team": TEAM},
                {**bodies[kind], "labels": {"l": LABEL}},
            ):
                document = {kind: [{"name": name, **body}]}
                answers = [
                    await lead.put(f"/api/v1/{kind}/{name}", json=body),
                    await lead.put(f"/api/v1/{kind}/{name}", json=body, headers={"if-none-match": "*"}),
                    await lead.post("/api/v1/plan?owner=mine", json=document),
                    await lead.post(f"/api/v1/plan?owner={OWNER}", json=document),
                    await lead.post("/api/v1/apply?owner=mine", json=document),
                ]
                assert len({(answer.status_code, answer.text) for answer in answers}) == 1
                assert answers[0].status_code == 403
                told = [hidden for hidden in HIDDEN if hidden != name and hidden in answers[0].text]
                assert not told, answers[0].text


async def test_what_others_own_is_neither_removed_nor_named(tmp_path: Path) -> None:
    async with led(tmp_path / "with", with_hidden=True) as (owner, lead):
        for verb in ("plan", "apply"):
            answer = await lead.post(f"/api/v1/{verb}?owner={OWNER}", json={})
            assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
            assert not [name for name in HIDDEN if name in answer.text and name != OWNER]
        gone = await lead.delete("/api/v1/users/ours")
        assert (gone.status_code, gone.json()["code"]) == (409, "conflict")
        assert not [name for name in HIDDEN if name in gone.text], gone.text
        assert (await owner.get(f"/api/v1/keys/{KEY}")).status_code == 200


async def test_what_a_seen_resource_names_may_go_on_being_named(tmp_path: Path) -> None:
    async with led(tmp_path / "with", with_hidden=True) as (owner, lead):
        shared = {"team": "research", "members": [USER]}
        assert (await owner.put("/api/v1/projects/shared", json=shared)).status_code == 201
        changed = await lead.put("/api/v1/projects/shared", json={**shared, "description": "as before"})
        given = await lead.put("/api/v1/keys/mine", json={"user": USER})
    assert changed.status_code == 200, changed.text
    assert given.status_code == 403
    assert TEAM not in given.text


async def test_why_a_worker_refuses_is_told_to_those_who_may_see_workers(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        await applied(owner)
        key = await made_key(owner, "lead", team="research", role="team-admin")
        async with caller(app, key) as lead, working(bench, app, True):
            refused = await lead.put("/api/v1/keys/mine", json={"team": "research"})
            told = await owner.put("/api/v1/keys/mine", json={"team": "research"})
    assert [refused.status_code, told.status_code] == [409, 409]
    assert "certificate" in told.text
    assert "certificate" not in refused.text
