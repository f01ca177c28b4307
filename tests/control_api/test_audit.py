"""The audit trail: every change is in it, and a later change of history shows."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.control_api.bench import Bench, applied

pytestmark = pytest.mark.anyio


async def _three_events(bench: Bench) -> None:
    async with bench.client() as client:
        await applied(client, "teams: [{name: a}]\n")
        bench.clock.pass_seconds(10)
        await client.put("/api/v1/teams/a", json={"models": ["fast"]})


def _rewrite(bench: Bench, *statements: str) -> None:
    with closing(sqlite3.connect(bench.path / "turnpike.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


async def test_an_event_says_who_when_what_before_and_after(bench: Bench) -> None:
    await _three_events(bench)
    async with bench.client() as client:
        event = (await client.get("/api/v1/audit?limit=1")).json()["items"][0]
    assert event["actor"] == "local"
    assert event["at"] == "2027-01-15T08:00:10.000000000Z"
    assert (event["action"], event["kind"], event["name"]) == ("update", "teams", "a")
    assert event["before"] == {"name": "a"}
    assert event["after"] == {"name": "a", "models": ["fast"]}


async def test_events_are_found_by_field_time_and_page(bench: Bench) -> None:
    await _three_events(bench)
    async with bench.client() as client:

        async def serials(query: str) -> list[int]:
            answer = (await client.get(f"/api/v1/audit?{query}")).json()
            return [event["serial"] for event in answer["items"]]

        assert await serials("") == [3, 2, 1]
        assert await serials("order=oldest") == [1, 2, 3]
        assert await serials("kind=teams&action=update") == [3]
        assert await serials("actor=turnpike") == [1]
        assert await serials("from=2027-01-15T08:00:05Z") == [3]
        assert await serials("to=2027-01-15T08:00:05Z") == [2, 1]
        first = (await client.get("/api/v1/audit?limit=2")).json()
        assert first["next"] == 2
        rest = (await client.get("/api/v1/audit?limit=2&after=2")).json()
        assert ([e["serial"] for e in rest["items"]], rest["next"]) == ([1], None)


async def test_an_untouched_trail_is_intact(bench: Bench) -> None:
    await _three_events(bench)
    async with bench.client() as client:
        verdict = (await client.get("/api/v1/audit/verify")).json()
    assert verdict == {"events": 3, "intact": True, "fault": None, "at_serial": None}


REWRITINGS = {
    "another actor": ["UPDATE audit_events SET actor = 'somebody' WHERE serial = 2"],
    "another value": ['UPDATE audit_events SET after = \'{"name":"a"}\' WHERE serial = 3'],
    "another time": ["UPDATE audit_events SET at_ns = at_ns + 1 WHERE serial = 1"],
    "an event cut out": ["DELETE FROM audit_events WHERE serial = 2"],
    "an event cut out, the rest moved up": [
        "DELETE FROM audit_events WHERE serial = 2",
        "UPDATE audit_events SET serial = 2 WHERE serial = 3",
        "UPDATE store_state SET audit_serial = 2",
    ],
    "the end cut off": ["DELETE FROM audit_events WHERE serial = 3"],
    "the end cut off, and the head with it": [
        "DELETE FROM audit_events WHERE serial = 3",
        "UPDATE store_state SET audit_serial = 2, audit_digest = (SELECT digest FROM audit_events WHERE serial = 2)",
    ],
    "everything gone": ["DELETE FROM audit_events"],
    "two events swapped": [
        "UPDATE audit_events SET serial = 9 WHERE serial = 2",
        "UPDATE audit_events SET serial = 2 WHERE serial = 3",
        "UPDATE audit_events SET serial = 3 WHERE serial = 9",
    ],
}


@pytest.mark.parametrize("how", REWRITINGS)
async def test_history_that_was_written_anew_shows(bench: Bench, how: str) -> None:
    await _three_events(bench)
    _rewrite(bench, *REWRITINGS[how])
    async with bench.client() as client:
        verdict = (await client.get("/api/v1/audit/verify")).json()
    assert not verdict["intact"]
    assert verdict["fault"]


@pytest.mark.parametrize("after", ["9223372036854775808", "9" * 40, "-1"])
async def test_a_page_behind_every_serial_number_that_can_be_is_refused(bench: Bench, after: str) -> None:
    async with bench.client() as client:
        answer = await client.get(f"/api/v1/audit?after={after}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
