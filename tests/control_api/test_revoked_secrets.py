"""A revoked secret opens nothing again, whatever becomes of its key; and nobody is told otherwise."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.control_api.bench import DOCUMENT_TYPE, SECRETS, Bench, applied, caller, made_key, sent

pytestmark = pytest.mark.anyio

TEXT = 'keys:\n  - {name: v, role: viewer, secret: "${env:RESEARCH_KEY}"}\n'
RENAMED = TEXT.replace("name: v,", "name: w,")
SECRET = SECRETS["env:RESEARCH_KEY"]
OTHER = {"env:RESEARCH_KEY": "another-key-from-elsewhere"}


async def _asked(client: httpx.AsyncClient, what: str, text: str, **more: Any) -> httpx.Response:
    return await client.post(f"/api/v1/{what}", json=sent(text, **more), headers=DOCUMENT_TYPE)


async def _revoked(client: httpx.AsyncClient) -> None:
    await applied(client, TEXT)
    assert (await client.post("/api/v1/keys/v/revoke")).status_code == 200


@pytest.mark.parametrize("what", ["plan", "apply"])
async def test_a_document_brings_no_revoked_secret_back_when_its_key_was_removed(
    bench: Bench, what: str
) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as client:
        await _revoked(client)
        await client.delete("/api/v1/keys/v")
        again = await _asked(client, what, TEXT)
        with_another = await _asked(client, "apply", TEXT, secrets=OTHER)
        async with caller(app, SECRET) as revoked:
            opened = await revoked.get("/api/v1/whoami")
    assert again.status_code == 400
    assert [(f["line"], f["path"]) for f in again.json()["faults"]] == [(2, "keys[0].secret")]
    assert "was revoked once, which is for good" in again.json()["faults"][0]["message"]
    assert with_another.status_code == 200
    assert opened.json()["code"] == "invalid_key"


@pytest.mark.parametrize("way", ["renamed", "put", "rotated"])
async def test_no_other_key_takes_a_revoked_secret(bench: Bench, way: str) -> None:
    async with bench.client() as client:
        await _revoked(client)
        if way == "renamed":
            answer = await _asked(client, "apply", RENAMED)
        elif way == "put":
            await client.delete("/api/v1/keys/v")
            answer = await client.put("/api/v1/keys/w", json={"role": "viewer", "secret": SECRET})
        else:
            await client.delete("/api/v1/keys/v")
            await made_key(client, "w", role="viewer")
            answer = await client.post("/api/v1/keys/w/rotate", json={"secret": SECRET})
    assert answer.status_code in (400, 409)
    assert "was revoked once" in answer.text
    assert SECRET not in answer.text


async def test_a_document_that_names_a_revoked_key_is_told_so_and_its_new_secret_is_free_for_another(
    bench: Bench,
) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as client:
        await _revoked(client)
        planned = (await _asked(client, "plan", TEXT, secrets=OTHER)).json()
        done = await applied(client, TEXT, secrets=OTHER)
        said_by_itself = await applied(client, TEXT.replace("viewer,", "viewer, revoked: true,"))
        await applied(client, RENAMED, secrets=OTHER)
        async with caller(app, OTHER["env:RESEARCH_KEY"]) as fresh:
            opened = await fresh.get("/api/v1/whoami")
    assert planned["remarks"] == done["remarks"]
    assert [(r["line"], r["path"]) for r in done["remarks"]] == [(2, "keys/v")]
    assert "is revoked for good" in done["remarks"][0]["message"]
    assert planned["changes"] == done["changes"] == []
    assert said_by_itself["remarks"] == []
    assert opened.status_code == 200
