"""Characters that a database cannot hold: whoever sends them is told so, on either store, and nothing breaks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.control_api.bench import DOCUMENT_TYPE, KINDS, Bench, CountedRandomness, SetClock, applied, caller
from tests.ports.conftest import postgres_url  # noqa: F401 (a fixture is used by its name alone)
from tests.ports.test_store import fresh_database
from turnpike.adapters.sealing.seal import MasterKeySeal
from turnpike.adapters.sql.store import SqlStore, open_postgres_store, open_sqlite_store
from turnpike.control.plane import Plane
from turnpike.control.services.start import Variables, start
from turnpike.ports.sealing import node_token

pytestmark = pytest.mark.anyio

LONE = "\ud800"
"""Half of a pair of UTF-16: JSON can write it, and no text of UTF-8 holds it."""


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlStore]:
    """A fresh store of each kind."""
    if request.param == "sqlite":
        store = open_sqlite_store(tmp_path / "turnpike.db")
    else:
        store = open_postgres_store(fresh_database(request.getfixturevalue("postgres_url")))
    yield store
    store.close()


@asynccontextmanager
async def owned(store: SqlStore, folder: Path) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """The owner of a control plane on the store, and a worker of it."""
    clock, randomness = SetClock(), CountedRandomness()
    plane = Plane(store, MasterKeySeal(b"m" * 32, randomness), clock, randomness, KINDS)
    bench = Bench(plane, clock, start(plane, Variables(None, {}), None), folder)
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        await applied(owner)
        async with caller(app, node_token(plane.seal)) as node:
            yield owner, node


QUERIES = [
    *(f"/api/v1/keys?{field}=a%00b" for field in ("after", "name", "owner", "labels.x", "team", "limit")),
    *(f"/api/v1/models?{field}=%00" for field in ("after", "targets", "labels.%00", "%00")),
    *(
        f"/api/v1/audit?{field}=a%00b"
        for field in ("kind", "name", "actor", "action", "from", "to", "order", "after")
    ),
    "/api/v1/export?owner=a%00b",
    "/api/v1/keys/a%00b",
    "/api/v1/%00/a",
    "/api/v1/providers/%00/check",
]
UNDECODABLE = ["/api/v1/keys?after=%ff%ed%a0%80", "/api/v1/audit?actor=%ed%a0%80", "/api/v1/keys/%ed%a0%80"]


@pytest.mark.parametrize("path", QUERIES)
async def test_a_nul_in_an_address_is_refused(store: SqlStore, tmp_path: Path, path: str) -> None:
    async with owned(store, tmp_path) as (owner, _):
        answer = await (owner.post(path) if path.endswith("check") else owner.get(path))
    assert answer.status_code in (400, 404), answer.text
    assert answer.json()["code"] in ("invalid_request", "not_found")


@pytest.mark.parametrize("path", UNDECODABLE)
async def test_what_is_no_utf_8_finds_nothing(store: SqlStore, tmp_path: Path, path: str) -> None:
    async with owned(store, tmp_path) as (owner, _):
        answer = await owner.get(path)
    assert answer.status_code == 400 or answer.json()["items"] == [], answer.text


def documents(odd: str) -> list[dict[str, Any]]:
    """Documents with the odd text in each place that takes one."""
    provider = {"name": "p", "kind": "openai-compatible", "base_url": "http://127.0.0.1:9"}
    return [
        {odd: []},
        {"teams": odd},
        {"teams": [{"name": odd}]},
        {"teams": [{"name": "t", odd: "x"}]},
        {"teams": [{"name": "t", "description": odd}]},
        {"teams": [{"name": "t", "labels": {"a": odd}}]},
        {"teams": [{"name": "t", "labels": {odd: "a"}}]},
        {"teams": [{"name": "t", "tags": {"a": odd}}]},
        {"teams": [{"name": "t", "models": [odd], "surfaces": [odd]}]},
        {"teams": [{"name": "t", "members": [{"user": odd}]}]},
        {"models": [{"name": odd, "targets": [{"provider": "local", "model": odd}]}]},
        {"users": [{"name": "u", "email": f"a{odd}@example.com"}]},
        {"keys": [{"name": "k", "team": "research", "secret": f"a-key-of-twenty-and-more-{odd}"}]},
        {"keys": [{"name": "k", "team": "research", "secret": f"${{file:{odd}}}"}]},
        {"keys": [{"name": "k", "team": "research", "secret": f"{odd}${{env:X}}"}]},
        {"keys": [{"name": "k", "team": "research", "secret": f"${{sealed:{odd}}}"}]},
        {"keys": [{"name": "k", "team": "research", "acts_for": [odd], "networks": [odd]}]},
        {"keys": [{"name": "k", "team": odd}]},
        {"providers": [{**provider, "credential": f"sk-{odd}"}]},
        {"providers": [{**provider, "credential": f"${{file:{odd}}}"}]},
        {"providers": [{**provider, "headers": {odd: "x"}}]},
        {"providers": [{**provider, "headers": {"x-a": odd, "x-key": odd}}]},
        {"providers": [{**provider, "proxy": f"http://{odd}@127.0.0.1"}]},
        {"providers": [{**provider, "region": odd, "tls": {"ca_file": odd}}]},
        {"providers": [{**provider, "base_url": f"http://{odd}"}]},
        {"providers": [{**provider, "kind": odd}]},
    ]


@pytest.mark.parametrize("odd", ["\0", LONE, "a\0b", f"a{LONE}b"])
async def test_a_document_with_an_odd_character_is_refused(store: SqlStore, tmp_path: Path, odd: str) -> None:
    async with owned(store, tmp_path) as (owner, _):
        for document in documents(odd):
            text = json.dumps(document)
            sent = {
                "text": text,
                "file": "d.json",
                "secrets": {"env:X": "a-value-of-twenty-chars", "file:a": "b"},
            }
            answers = [
                await owner.post(
                    "/api/v1/plan?owner=d", content=text, headers={"content-type": "application/json"}
                ),
                await owner.post("/api/v1/apply", json=sent, headers=DOCUMENT_TYPE),
                *[
                    await owner.put(
                        f"/api/v1/{kind}/x",
                        content=json.dumps(items[0]),
                        headers={"content-type": "application/json"},
                    )
                    for kind, items in document.items()
                    if kind in ("teams", "keys", "providers", "users", "models") and isinstance(items, list)
                ],
            ]
            for answer in answers:
                assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), (
                    document,
                    answer.text,
                )


@pytest.mark.parametrize("odd", ["\0", LONE])
async def test_a_body_with_an_odd_character_is_refused_or_finds_nothing(
    store: SqlStore, tmp_path: Path, odd: str
) -> None:
    bodies = [
        ("/api/v1/explain", {"key": odd, "model": "fast"}),
        ("/api/v1/explain", {"key": "research-app", "model": odd}),
        ("/api/v1/explain", {"key": "research-app", "model": "fast", "surface": odd}),
        ("/api/v1/keys/research-app/rotate", {"secret": f"a-key-of-twenty-and-more-{odd}"}),
        ("/api/v1/apply", {"text": "", "file": odd}),
        ("/api/v1/apply", {"text": "", "owner": odd}),
        ("/api/v1/apply", {"text": f"teams: [{{name: {odd}}}]"}),
        ("/api/v1/apply", {"text": "", "secrets": {odd: odd}, "missing": [odd]}),
    ]
    async with owned(store, tmp_path) as (owner, node):
        for path, body in bodies:
            answer = await owner.post(path, content=json.dumps(body), headers=DOCUMENT_TYPE)
            assert answer.status_code < 500, (path, body, answer.text)
        report = {"worker": f"{odd}", "pid": 1, "state": "draining", "running": f"{odd}"}
        answer = await node.post("/internal/v1/link", content=json.dumps(report))
        assert answer.status_code < 500, answer.text
        assert (await owner.get("/api/v1/snapshot")).status_code == 200


async def test_odd_bytes_in_headers_are_refused(store: SqlStore, tmp_path: Path) -> None:
    async with owned(store, tmp_path) as (owner, _):
        for name in ("authorization", "if-match", "if-none-match", "content-type"):
            value = b"Bearer \xff\xed\xa0\x80" if name == "authorization" else b'"\xff\xed\xa0\x80"'
            answer = await owner.put("/api/v1/teams/t", content=b"{", headers={name.encode(): value})
            assert 400 <= answer.status_code < 500, (name, answer.text)
