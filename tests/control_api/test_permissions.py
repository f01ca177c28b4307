"""Who may do what: the table is whole, nobody passes without a row, nobody gives more than he has."""

from __future__ import annotations

import httpx
import pytest
from fastapi.routing import APIRoute

from tests.control_api.bench import Bench, applied, caller, made_key
from turnpike.control.app import ROUTERS, make_control
from turnpike.control.permissions import CHANGING, HOLDERS, OPERATIONS, ROLES, Permission
from turnpike.control.resources.table import KINDS
from turnpike.ports.sealing import local_token

pytestmark = pytest.mark.anyio

LATER = "2030-01-01T00:00:00Z"


def test_every_route_of_the_app_has_a_row_in_the_table(bench: Bench) -> None:
    described = make_control(bench.plane).openapi()["paths"]
    operations = {o["operationId"] for methods in described.values() for o in methods.values()}
    routes = [route for router in ROUTERS for route in router.routes]
    assert all(isinstance(route, APIRoute) and route.include_in_schema for route in routes)
    assert operations == {route.name for route in routes if isinstance(route, APIRoute)} == set(OPERATIONS)


def test_every_kind_of_resource_has_a_row_in_the_table() -> None:
    assert set(CHANGING) == set(KINDS)


def test_every_permission_names_roles_that_exist() -> None:
    assert set(HOLDERS) == set(Permission) - {Permission.PUBLIC, Permission.NODE}
    assert all(roles and roles <= set(ROLES) for roles in HOLDERS.values())


async def test_an_operation_without_a_row_is_refused_to_the_owner_too(bench: Bench) -> None:
    app = make_control(bench.plane)

    @app.get("/api/v2/unnamed")
    def unnamed() -> None:
        """Nobody gets here."""

    async with caller(app, bench.administrator) as client:
        answer = await client.get("/api/v2/unnamed")
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


async def test_what_is_public_asks_for_no_key_and_all_else_does(bench: Bench) -> None:
    public = {"/livez", "/readyz", "/docs", "/openapi.json"}
    async with bench.serving() as app, caller(app, None) as client:
        for path, methods in app.openapi()["paths"].items():
            for method in methods:
                answer = await client.request(method, path.replace("{name}", "n").replace("{kind}", "keys"))
                expected = 200 if path in public else 401
                assert answer.status_code == expected, f"{method} {path}: {answer.text}"
                if expected == 401:
                    assert answer.json()["code"] == "missing_key"
                    assert answer.headers["www-authenticate"].startswith("Bearer")


READS = {
    "/api/v1/keys": {"owner", "admin", "viewer", "auditor", "finance"},
    "/api/v1/export": {"owner", "admin", "viewer", "auditor"},
    "/api/v1/snapshot": {"owner", "admin", "viewer", "auditor"},
    "/api/v1/audit": {"owner", "admin", "auditor"},
    "/api/v1/whoami": {"owner", "admin", "viewer", "auditor", "finance"},
}


@pytest.mark.parametrize("role", ["owner", "admin", "viewer", "auditor", "finance"])
async def test_a_role_reads_what_the_table_says(bench: Bench, role: str) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        key = await made_key(owner, "someone", role=role)
        async with caller(app, key) as someone:
            for path, roles in READS.items():
                answer = await someone.get(path)
                assert (answer.status_code == 200) == (role in roles), f"{path}: {answer.text}"


@pytest.mark.parametrize("role", ["viewer", "auditor", "finance"])
async def test_who_only_looks_changes_nothing(bench: Bench, role: str) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        await applied(owner)
        async with caller(app, await made_key(owner, "someone", role=role)) as someone:
            answers = [
                await someone.put("/api/v1/teams/new", json={}),
                await someone.delete("/api/v1/keys/research-app"),
                await someone.post("/api/v1/keys/research-app/rotate", json={}),
                await someone.post("/api/v1/keys/research-app/revoke"),
                await someone.post("/api/v1/apply", content="teams: []"),
            ]
        assert {answer.json()["code"] for answer in answers} == {"permission_denied"}
        assert len((await owner.get("/api/v1/keys")).json()["items"]) == 3


async def _with_team_admin(owner: httpx.AsyncClient) -> str:
    await applied(owner)
    await made_key(owner, "sales-app", team="sales")
    return await made_key(owner, "lead", team="research", role="team-admin")


async def test_a_team_admin_sees_and_changes_his_own_team_only(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        key = await _with_team_admin(owner)
        async with caller(app, key) as lead:
            seen = {item["name"] for item in (await lead.get("/api/v1/keys")).json()["items"]}
            assert seen == {"research-app", "lead"}
            assert [t["name"] for t in (await lead.get("/api/v1/teams")).json()["items"]] == ["research"]
            assert (await lead.get("/api/v1/providers")).json()["items"] == []
            assert len((await lead.get("/api/v1/models")).json()["items"]) == 2
            assert (await lead.get("/api/v1/keys/sales-app")).status_code == 404
            await made_key(lead, "research-2", team="research")
            assert (await lead.put("/api/v1/projects/p", json={"team": "research"})).status_code == 201
            assert (await lead.put("/api/v1/users/u", json={"team": "research"})).status_code == 201
            await made_key(lead, "of-project", project="p")
            await made_key(lead, "of-user", user="u")
            assert (await lead.post("/api/v1/keys/research-2/revoke")).status_code == 200


REFUSED = {
    "another team's key": ("PUT", "keys/mine", {"team": "sales"}),
    "another team's key, taken over": ("PUT", "keys/sales-app", {"team": "research"}),
    "own key, given away": ("PUT", "keys/lead", {"team": "sales", "role": "team-admin"}),
    "an organisation's key": ("PUT", "keys/mine", {"role": "viewer"}),
    "an owner's key": ("PUT", "keys/mine", {"role": "owner"}),
    "the administrator's key": ("PUT", "keys/administrator", {"team": "research"}),
    "a user with a role": ("PUT", "users/u", {"team": "research", "role": "admin"}),
    "a user of no team": ("PUT", "users/u", {}),
    "another team's project": ("PUT", "projects/p", {"team": "sales"}),
    "his own team": ("PUT", "teams/research", {"models": ["*"]}),
    "a new team": ("PUT", "teams/mine", {}),
    "a model": ("PUT", "models/m", {"targets": [{"provider": "local", "model": "x"}]}),
    "a provider": ("DELETE", "providers/local", None),
    "rotate": ("POST", "keys/sales-app/rotate", {}),
    "rotate the administrator": ("POST", "keys/administrator/rotate", {}),
    "revoke": ("POST", "keys/administrator/revoke", None),
    "apply": ("POST", "apply?owner=mine", {"teams": [{"name": "mine"}]}),
    "plan": ("POST", "plan?owner=mine", {"keys": [{"name": "mine", "role": "owner"}]}),
}


NOT_THERE = (400, "invalid_request")
NOT_FOUND = (404, "not_found")
UNSEEN = {
    "another team's key": NOT_THERE,
    "own key, given away": NOT_THERE,
    "another team's project": NOT_THERE,
    "rotate": NOT_FOUND,
    "rotate the administrator": NOT_FOUND,
    "revoke": NOT_FOUND,
}
"""To whoever may not see a resource, it is not there."""


@pytest.mark.parametrize("what", REFUSED)
async def test_a_team_admin_is_refused_what_lies_beyond_his_team(bench: Bench, what: str) -> None:
    method, path, body = REFUSED[what]
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        key = await _with_team_admin(owner)
        before = bench.plane.store.revision()
        async with caller(app, key) as lead:
            answer = await lead.request(method, f"/api/v1/{path}", json=body)
    expected = UNSEEN.get(what, (403, "permission_denied"))
    assert (answer.status_code, answer.json()["code"]) == expected, answer.text
    assert bench.plane.store.revision() == before


async def test_a_user_with_rights_gets_no_key_from_a_team_admin(bench: Bench) -> None:
    """A key carries its user's rights: making one for a mightier user would be a way up."""
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        key = await _with_team_admin(owner)
        await owner.put("/api/v1/users/boss", json={"team": "research", "role": "admin"})
        await owner.put("/api/v1/users/two-hats", json={"team": "research"})
        members = {"models": ["fast"], "members": [{"user": "two-hats", "role": "team-admin"}]}
        await owner.put("/api/v1/teams/sales", json=members)
        async with caller(app, key) as lead:
            for user in ("boss", "two-hats"):
                answer = await lead.put("/api/v1/keys/mine", json={"user": user})
                assert answer.status_code == 403, answer.text
                assert (await lead.put(f"/api/v1/users/{user}", json={"team": "research"})).status_code == 403


@pytest.mark.parametrize("path", ["keys/administrator/rotate", "keys/administrator/revoke"])
async def test_an_admin_cannot_become_owner(bench: Bench, path: str) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        key = await made_key(owner, "admin-key", role="admin")
        async with caller(app, key) as admin:
            answers = [
                await admin.put("/api/v1/keys/mine", json={"role": "owner"}),
                await admin.put("/api/v1/keys/administrator", json={"role": "admin"}),
                await admin.put("/api/v1/users/mine", json={"role": "owner"}),
                await admin.delete("/api/v1/keys/administrator"),
                await admin.post(f"/api/v1/{path}", json={}),
            ]
            assert [a.status_code for a in answers] == [403] * 5, [a.text for a in answers]
            await made_key(admin, "auditor", role="auditor")


async def test_a_users_key_has_the_users_roles(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        await owner.put("/api/v1/users/ada", json={"role": "auditor"})
        await owner.put("/api/v1/teams/research", json={"members": [{"user": "ada", "role": "team-admin"}]})
        async with caller(app, await made_key(owner, "adas-laptop", user="ada")) as ada:
            said = (await ada.get("/api/v1/whoami")).json()
            assert (said["actor"], said["key"], said["role"]) == ("users/ada", "adas-laptop", "auditor")
            assert said["team_admin_of"] == ["research"]
            await made_key(ada, "research-2", team="research")
            event = (await ada.get("/api/v1/audit?limit=1")).json()["items"][0]
    assert (event["actor"], event["detail"]["key"]) == ("users/ada", "adas-laptop")


async def test_the_machines_own_administrator_is_owner_and_named(bench: Bench) -> None:
    async with bench.client(local_token(bench.plane.seal)) as local:
        await local.put("/api/v1/teams/t", json={})
        event = (await local.get("/api/v1/audit?limit=1")).json()["items"][0]
    assert event["actor"] == "local"


async def test_a_key_without_a_role_opens_no_operation(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        await applied(owner)
        async with caller(app, await made_key(owner, "plain", team="research")) as plain:
            answers = [await plain.get("/api/v1/whoami"), await plain.get("/api/v1/keys")]
    assert {(a.status_code, a.json()["code"]) for a in answers} == {(403, "permission_denied")}


async def test_how_a_key_is_wrong_is_told(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        good = await made_key(owner, "viewer", role="viewer", expires_at=LATER)
        bound = await made_key(owner, "bound", role="viewer", networks=["10.0.0.0/8"])
        revoked = await made_key(owner, "revoked", role="viewer")
        await owner.post("/api/v1/keys/revoked/revoke")
        by_hand = await made_key(owner, "by-hand", role="viewer")
        await owner.put("/api/v1/keys/by-hand", json={"role": "viewer", "revoked": True})

        async def code(key: str, peer: str = "192.0.2.1") -> str:
            async with caller(app, key, peer) as client:
                answer = await client.get("/api/v1/whoami")
                return (
                    "fine" if answer.status_code == 200 else f"{answer.status_code} {answer.json()['code']}"
                )

        mistyped = good[:-1] + ("0" if good[-1] != "0" else "1")
        assert await code(good) == "fine"
        assert await code(mistyped) == "401 invalid_key"
        assert await code("an-unknown-key-of-any-form") == "401 invalid_key"
        assert await code("x" * 10_000) == "401 invalid_key"
        assert await code(bound) == "401 invalid_key"
        assert await code(bound, "10.1.2.3") == "fine"
        assert await code(bound, "::ffff:10.1.2.3") == "fine"
        assert await code(revoked) == "401 revoked_key"
        assert await code(by_hand) == "401 revoked_key"
        bench.clock.pass_seconds(10 * 365 * 24 * 3600)
        assert await code(good) == "401 expired_key"


async def test_a_caller_is_told_which_key_it_showed(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        await owner.put("/api/v1/users/ada", json={"role": "viewer"})
        adas = await made_key(owner, "adas-laptop", user="ada")
        said = [(await owner.get("/api/v1/whoami")).json()]
        for key in (adas, local_token(bench.plane.seal)):
            async with caller(app, key) as other:
                said.append((await other.get("/api/v1/whoami")).json())
        created = (await owner.get("/api/v1/audit?kind=keys&name=adas-laptop")).json()["items"][0]
    assert [(one["actor"], one["key"]) for one in said] == [
        ("keys/administrator", "administrator"),
        ("users/ada", "adas-laptop"),
        ("local", None),
    ]
    assert created["detail"] == {"owner": "api", "secret": "made"}
