"""Resources one by one, as a program sees them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.control_api.bench import Bench, applied
from turnpike.domain.snapshot import decode_snapshot

pytestmark = pytest.mark.anyio

TEAMS = "/api/v1/teams"


async def test_a_resource_that_was_put_is_read_back_and_published(bench: Bench) -> None:
    async with bench.client() as client:
        put = await client.put(f"{TEAMS}/research", json={"models": ["fast-*"], "labels": {"env": "prod"}})
        got = await client.get(f"{TEAMS}/research")
    assert put.status_code == 201
    assert got.json() == put.json()
    assert got.headers["etag"] == put.headers["etag"]
    assert got.headers["cache-control"] == "no-store"
    fields = {name: value for name, value in got.json().items() if name != "meta"}
    assert fields == {"name": "research", "models": ["fast-*"], "labels": {"env": "prod"}}
    assert got.json()["meta"]["owner"] == "api"


async def test_what_was_read_can_be_put_back_and_nothing_changes(bench: Bench) -> None:
    async with bench.client() as client:
        await client.put(f"{TEAMS}/research", json={"models": ["fast-*"]})
        read = await client.get(f"{TEAMS}/research")
        revision = bench.plane.store.revision()
        again = await client.put(f"{TEAMS}/research", json=read.json())
    assert (again.status_code, again.json()) == (200, read.json())
    assert again.headers["etag"] == read.headers["etag"]
    assert bench.plane.store.revision() == revision


async def test_yaml_is_taken_too(bench: Bench) -> None:
    async with bench.client() as client:
        answer = await client.put(
            f"{TEAMS}/t", content="models: [fast]\n", headers={"content-type": "application/yaml"}
        )
    assert answer.json()["models"] == ["fast"]


@pytest.mark.parametrize("written", ["local%2F*", "local%2f%2A", "local/*"])
async def test_names_with_slashes_and_stars_are_found_encoded_and_plain(bench: Bench, written: str) -> None:
    async with bench.client() as client:
        await applied(client)
        answer = await client.get(f"/api/v1/models/{written}")
        assert answer.json()["name"] == "local/*"
        assert (await client.delete(f"/api/v1/models/{written}")).status_code == 204
        assert (await client.get(f"/api/v1/models/{written}")).status_code == 404


async def test_a_change_of_what_another_changed_meanwhile_is_refused(bench: Bench) -> None:
    async with bench.client() as client:
        first = await client.put(f"{TEAMS}/t", json={"models": ["a"]})
        await client.put(f"{TEAMS}/t", json={"models": ["b"]})
        stale = {"if-match": first.headers["etag"]}
        refused = await client.put(f"{TEAMS}/t", json={"models": ["c"]}, headers=stale)
        not_deleted = await client.delete(f"{TEAMS}/t", headers=stale)
        current = await client.get(f"{TEAMS}/t")
        fits = {"if-match": f'"other", {current.headers["etag"]}'}
        done = await client.put(f"{TEAMS}/t", json={"models": ["c"]}, headers=fits)
    for answer in (refused, not_deleted):
        assert (answer.status_code, answer.json()["code"]) == (412, "conflict")
    assert current.json()["models"] == ["b"]
    assert done.status_code == 200


async def test_if_none_match_makes_only_what_is_not_there(bench: Bench) -> None:
    only_new = {"if-none-match": "*"}
    async with bench.client() as client:
        made = await client.put(f"{TEAMS}/t", json={}, headers=only_new)
        refused = await client.put(f"{TEAMS}/t", json={"models": ["a"]}, headers=only_new)
        absent = await client.put(f"{TEAMS}/u", json={}, headers={"if-match": "*"})
    assert [a.status_code for a in (made, refused, absent)] == [201, 412, 412]


async def test_lists_come_page_by_page_and_by_name(bench: Bench) -> None:
    names = [f"t{number:02}" for number in range(7)]
    async with bench.client() as client:
        await applied(client, "teams: [" + ", ".join(f"{{name: {name}}}" for name in reversed(names)) + "]")
        found: list[str] = []
        query: dict[str, str | int] = {"limit": 3}
        while True:
            page = (await client.get(TEAMS, params=query)).json()
            found += [item["name"] for item in page["items"]]
            if page["next"] is None:
                break
            query["after"] = page["next"]
    assert found == names


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("team=research", {"a", "b"}),
        ("team=research&labels.env=prod", {"a"}),
        ("models=fast", {"b"}),
        ("owner=turnpike", {"administrator"}),
        ("role=owner", {"administrator"}),
        ("team=nobody", set()),
    ],
)
async def test_any_field_filters_a_list(bench: Bench, query: str, names: set[str]) -> None:
    async with bench.client() as client:
        await applied(
            client,
            "teams: [{name: research}]\nkeys:\n- {name: a, team: research, labels: {env: prod}}\n"
            "- {name: b, team: research, models: [fast, slow]}",
        )
        page = (await client.get(f"/api/v1/keys?{query}")).json()
    assert {item["name"] for item in page["items"]} == names


async def test_a_filter_by_a_field_that_is_not_there_is_named(bench: Bench) -> None:
    async with bench.client() as client:
        answer = await client.get(f"{TEAMS}?colour=red")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert "colour" in answer.json()["detail"]


async def test_what_others_need_is_not_removed(bench: Bench) -> None:
    async with bench.client() as client:
        await applied(client)
        answer = await client.delete(f"{TEAMS}/research")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "keys/research-app" in answer.json()["detail"]


async def test_a_fault_is_told_with_its_place_and_the_nearest_name(bench: Bench) -> None:
    body = '{\n  "targets": [{"provider": "lcoal", "model": "x"}]\n}'
    async with bench.client() as client:
        await applied(client)
        answer = await client.put("/api/v1/models/m", content=body)
    problem = answer.json()
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["code"] == "invalid_request"
    assert [(fault["line"], fault["path"]) for fault in problem["faults"]] == [(2, "targets[0].provider")]
    assert 'did you mean "local"' in problem["faults"][0]["message"]


async def test_a_resource_that_a_document_made_stays_the_documents(bench: Bench) -> None:
    async with bench.client() as client:
        await applied(client)
        await client.put(f"{TEAMS}/research", json={"models": ["local/*"]})
        assert (await client.get(f"{TEAMS}/research")).json()["meta"]["owner"] == "turnpike.yaml"
        planned = await client.post("/api/v1/plan?owner=turnpike.yaml", content="teams: [{name: research}]")
        assert "delete" in {change["action"] for change in planned.json()["changes"]}


async def test_access_in_the_snapshot_follows_a_put(bench: Bench) -> None:
    async with bench.serving() as app:
        transport = httpx.ASGITransport(app)
        headers = {"authorization": f"Bearer {bench.administrator}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://c", headers=headers) as client:
            await applied(client)
            await client.put(f"{TEAMS}/research", json={"models": ["local/*"]})
        current = app.state.road.publication.current
    key = next(k for k in decode_snapshot(current.body).keys if k.name == "research-app")
    assert key.access.models == (("local/*",),)


PROBLEMS = [
    ("GET", "/api/v1/temas", None, {}, 404, "not_found"),
    ("GET", "/nowhere", None, {}, 404, "not_found"),
    ("GET", "/api/v1/teams/none", None, {}, 404, "not_found"),
    ("DELETE", "/api/v1/teams/none", None, {}, 404, "not_found"),
    ("POST", "/api/v1/keys/none/rotate", b"{}", {}, 404, "not_found"),
    ("POST", "/api/v1/keys/none/revoke", None, {}, 404, "not_found"),
    ("PATCH", "/api/v1/teams/none", b"{}", {}, 405, "method_not_allowed"),
    ("PUT", "/api/v1/teams/t", b"{", {}, 400, "invalid_request"),
    ("PUT", "/api/v1/teams/t", b"\xff\xfe", {}, 400, "invalid_request"),
    ("PUT", "/api/v1/teams/t", b"[]", {}, 400, "invalid_request"),
    ("PUT", "/api/v1/teams/t", b'{"models": "fast"}', {}, 400, "invalid_request"),
    ("PUT", "/api/v1/teams/t", b"[" * 100_000, {}, 400, "invalid_request"),
    ("PUT", "/api/v1/teams/%FF", b"{}", {}, 400, "invalid_request"),
    ("PUT", "/api/v1/teams/%00", b"{}", {}, 400, "invalid_request"),
    ("GET", "/api/v1/teams/" + "x" * 1000, None, {}, 400, "invalid_request"),
    ("PUT", "/api/v1/teams/t", b"x" * (1024 * 1024 + 1), {}, 413, "payload_too_large"),
    ("PUT", "/api/v1/teams/t", b"{}", {"content-type": "text/html"}, 415, "unsupported_media_type"),
    ("GET", "/api/v1/teams?limit=0", None, {}, 400, "invalid_request"),
    ("GET", "/api/v1/teams?limit=many", None, {}, 400, "invalid_request"),
    ("GET", "/api/v1/audit?after=x", None, {}, 400, "invalid_request"),
    ("GET", "/api/v1/audit?from=yesterday", None, {}, 400, "invalid_request"),
    ("GET", "/api/v1/audit?colour=red", None, {}, 400, "invalid_request"),
    ("GET", "/api/v1/export?format=xml", None, {}, 400, "invalid_request"),
    ("POST", "/api/v1/keys/administrator/rotate", b'{"overlap": 5}', {}, 400, "invalid_request"),
    ("POST", "/api/v1/keys/administrator/rotate", b"{", {}, 400, "invalid_json"),
    ("POST", "/api/v1/apply?owner=environment", b"", {}, 400, "invalid_request"),
]


@pytest.mark.parametrize("case", PROBLEMS, ids=lambda case: f"{case[0]} {case[1][:40]} {case[4]}")
async def test_what_cannot_be_done_is_a_problem_document(bench: Bench, case: Any) -> None:
    method, path, body, headers, status, code = case
    async with bench.client() as client:
        answer = await client.request(method, path, content=body, headers=headers)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"] == f"urn:turnpike:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert "Traceback" not in answer.text


async def test_methods_of_an_address_are_named(bench: Bench) -> None:
    async with bench.client() as client:
        answer = await client.patch("/api/v1/teams/t", json={})
    assert answer.headers["allow"] == "DELETE, GET, PUT"


async def test_a_packed_body_is_refused_by_name(bench: Bench) -> None:
    async with bench.client() as client:
        packed = await client.post("/api/v1/plan", content=b"x", headers={"content-encoding": "gzip"})
        plain = await client.post("/api/v1/plan", content=b"", headers={"content-encoding": "identity"})
    assert (packed.status_code, packed.json()["code"]) == (415, "unsupported_media_type")
    assert "without a content-encoding" in packed.json()["detail"]
    assert plain.status_code == 200


async def test_a_name_that_is_taken_hides_no_fault_of_the_rest(bench: Bench) -> None:
    only_new = {"if-none-match": "*"}
    async with bench.client() as client:
        await client.put("/api/v1/teams/t", json={})
        faulty = await client.put(
            "/api/v1/teams/t", json={"nome": 1, "members": [{"user": "u"}]}, headers=only_new
        )
        taken = await client.put("/api/v1/teams/t", json={}, headers=only_new)
    assert faulty.status_code == 400
    assert len(faulty.json()["faults"]) == 2
    assert taken.status_code == 412
