"""Guessing keys at the control API: after ten failures in a minute an address has to wait."""

from __future__ import annotations

import httpx
import pytest
from structlog.testing import capture_logs

from tests.control_api.bench import Bench, caller
from turnpike.control.attempts import FAILURES_MAX
from turnpike.ports.sealing import local_token, node_token

pytestmark = pytest.mark.anyio

WRONG = "not-a-key-that-anybody-has"
GUESSER = "192.0.2.7"


async def _codes(client: httpx.AsyncClient, times: int) -> list[str]:
    answers = [await client.get("/api/v1/whoami") for _ in range(times)]
    return [str(answer.json()["code"]) for answer in answers]


async def test_after_ten_failures_an_address_waits(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, WRONG, GUESSER) as guesser:
        codes = await _codes(guesser, FAILURES_MAX + 2)
        refused = await guesser.get("/api/v1/whoami")
    assert codes == ["invalid_key"] * FAILURES_MAX + ["rate_limited"] * 2
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "60"


async def test_whoever_waits_is_not_told_whether_a_key_is_right(bench: Bench) -> None:
    async with bench.serving() as app:
        async with caller(app, WRONG, GUESSER) as guesser:
            await _codes(guesser, FAILURES_MAX)
        async with caller(app, bench.administrator, GUESSER) as right:
            assert await _codes(right, 1) == ["rate_limited"]
            bench.clock.pass_seconds(61)
            assert (await right.get("/api/v1/whoami")).status_code == 200


async def test_others_workers_and_the_local_administrator_are_let_in_meanwhile(bench: Bench) -> None:
    async with bench.serving() as app:
        async with caller(app, WRONG, GUESSER) as guesser:
            await _codes(guesser, FAILURES_MAX + 1)
        async with caller(app, bench.administrator, "192.0.2.8") as other:
            assert (await other.get("/api/v1/whoami")).status_code == 200
        async with caller(app, local_token(bench.plane.seal), GUESSER) as local:
            assert (await local.get("/api/v1/whoami")).status_code == 200
        async with caller(app, node_token(bench.plane.seal), GUESSER) as node:
            report = {"worker": "h/0", "pid": 1, "state": "ready"}
            assert (await node.post("/internal/v1/link", json=report)).status_code == 200


async def test_a_request_without_a_key_is_no_attempt(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, None, GUESSER) as nobody:
        assert await _codes(nobody, FAILURES_MAX + 2) == ["missing_key"] * (FAILURES_MAX + 2)


async def test_revoked_and_expired_keys_are_failures_too(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as owner:
        made = await owner.put("/api/v1/keys/old", json={"role": "viewer"})
        await owner.post("/api/v1/keys/old/revoke")
        async with caller(app, made.json()["secret"], GUESSER) as old:
            codes = await _codes(old, FAILURES_MAX + 1)
    assert codes == ["revoked_key"] * FAILURES_MAX + ["rate_limited"]


async def test_failures_are_logged_and_never_with_the_key(bench: Bench) -> None:
    async with bench.serving() as app, caller(app, WRONG, GUESSER) as guesser:
        with capture_logs() as logs:
            await _codes(guesser, FAILURES_MAX + 5)
    events = [entry for entry in logs if str(entry["event"]).startswith("key.")]
    assert [entry["event"] for entry in events] == ["key.refused"] * FAILURES_MAX + ["key.attempts_stopped"]
    assert {(entry["peer"], entry.get("code", "invalid_key")) for entry in events} == {
        (GUESSER, "invalid_key")
    }
    assert WRONG not in str(logs)
