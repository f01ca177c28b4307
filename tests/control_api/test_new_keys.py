"""A key that is made by a PUT: what is likely a mistake is said, and one that is over at birth is not made."""

from __future__ import annotations

import httpx
import pytest

from tests.control_api.bench import DOCUMENT_TYPE, Bench, applied, sent

pytestmark = pytest.mark.anyio

OVER = "2020-01-01T00:00:00Z"


async def _put(client: httpx.AsyncClient, name: str, **fields: object) -> httpx.Response:
    return await client.put(f"/api/v1/keys/{name}", json=fields)


async def test_a_model_that_is_not_there_is_remarked_on_and_the_answer_can_be_put_back(bench: Bench) -> None:
    async with bench.client() as client:
        await applied(client)
        made = await _put(client, "k", role="viewer", models=["fats"])
        right = await _put(client, "l", role="viewer", models=["fast"])
        back = await client.put("/api/v1/keys/k", json=(await client.get("/api/v1/keys/k")).json())
    (remark,) = made.json()["meta"]["remarks"]
    assert made.status_code == 201
    assert remark["path"] == "models[0]"
    assert 'no model "fats"; did you mean "fast"?' in remark["message"]
    assert "remarks" not in right.json()["meta"]
    assert back.status_code == 200


async def test_a_key_that_is_over_at_birth_is_refused(bench: Bench) -> None:
    async with bench.client() as client:
        refused = await _put(client, "k", role="viewer", expires_at=OVER)
        there = await client.get("/api/v1/keys/k")
        await _put(client, "k", role="viewer")
        ended = await _put(client, "k", role="viewer", expires_at=OVER)
    (fault,) = refused.json()["faults"]
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
    assert fault["path"] == "expires_at"
    assert OVER in fault["message"]
    assert there.status_code == 404
    assert ended.status_code == 200


async def test_a_document_with_a_key_that_is_over_applies_with_a_remark(bench: Bench) -> None:
    text = f"keys: [{{name: k, role: viewer, expires_at: '{OVER}'}}]"
    async with bench.client() as client:
        answer = await client.post("/api/v1/apply", json=sent(text), headers=DOCUMENT_TYPE)
    (remark,) = answer.json()["remarks"]
    assert answer.status_code == 200
    assert remark["path"] == "keys/k"
    assert "expires_at" in remark["message"]
    assert OVER in remark["message"]


async def test_a_name_that_cannot_be_is_named_first_and_in_no_place(bench: Bench) -> None:
    async with bench.client() as client:
        answer = await client.put("/api/v1/keys/bad%20name", json={})
    first, second = answer.json()["faults"]
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith('keys/bad name: name: found "bad name"')
    assert (first["path"], first["line"]) == ("name", 0)
    assert "whose key it is" in second["message"]
