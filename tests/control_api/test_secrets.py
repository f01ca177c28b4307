"""Secrets: in no table, no file, no answer but the one that shows them, no log line, no audit event."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
import structlog

from tests.control_api.bench import DOCUMENT, DOCUMENT_TYPE, Bench, applied, caller, sent
from tests.control_api.conftest import Opening
from turnpike.control.document.reference import Hidden
from turnpike.control.services.start import Variables

pytestmark = pytest.mark.anyio

LITERAL = "canary-literal-header-value"
WITH_LITERAL = DOCUMENT.replace('LOCAL_KEY}"}', 'LOCAL_KEY}", headers: {x-org-token: ' + LITERAL + "}}")
READS = [
    *(f"/api/v1/{kind}" for kind in ("providers", "models", "teams", "projects", "users", "keys")),
    "/api/v1/providers/local",
    "/api/v1/keys/research-app",
    "/api/v1/keys/made",
    "/api/v1/export",
    "/api/v1/export?format=json",
    "/api/v1/audit?limit=1000",
    "/api/v1/snapshot",
    "/api/v1/whoami",
    "/openapi.json",
]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged while a test runs."""
    written = io.StringIO()
    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(written),
        cache_logger_on_first_use=False,
    )
    yield written
    structlog.configure(**before)


async def test_no_secret_stands_anywhere_but_in_the_answer_that_shows_it(
    opened: Opening, log: io.StringIO
) -> None:
    bench = opened(
        variables=Variables(Hidden("canary-administrators-key"), {"OPENAI_API_KEY": "canary-of-a-vendor"})
    )
    secrets = {
        LITERAL,
        "canary-administrators-key",
        "canary-of-a-vendor",
        "canary-credential-1",
        "canary-brought-key-0001",
    }
    answers: list[str] = []
    async with bench.serving() as app, caller(app, "canary-administrators-key") as client:
        answers.append(
            (await client.post("/api/v1/plan", json=sent(WITH_LITERAL), headers=DOCUMENT_TYPE)).text
        )
        answers.append(str(await applied(client, WITH_LITERAL)))
        made = (await client.put("/api/v1/keys/made", json={"team": "research"})).json()["secret"]
        rotated = (await client.post("/api/v1/keys/made/rotate", json={"overlap_seconds": 60})).json()[
            "secret"
        ]
        brought = {"team": "sales", "secret": "canary-brought-by-put-01"}
        answers.append((await client.put("/api/v1/keys/brought", json=brought)).text)
        faulty = {"team": "none", "secret": "canary-in-a-faulty-body1", "canary-field": 1}
        answers.append(
            (await client.put("/api/v1/keys/faulty", json=faulty)).text.replace("canary-field", "")
        )
        answers.append((await client.put("/api/v1/keys/f", json={"secret": ["canary-in-a-list"]})).text)
        exported = (await client.get("/api/v1/export")).text
        answers += [(await client.get(path)).text for path in READS]
        answers.append((await client.delete("/api/v1/keys/made")).text)
    secrets |= {made, rotated, "canary-brought-by-put-01", "canary-in-a-faulty-body1", "canary-in-a-list"}
    files = _everything_stored(bench)
    for secret in secrets:
        assert not any(secret in answer for answer in answers), secret
        assert secret not in log.getvalue()
        assert secret.encode() not in files
    assert "${sealed:providers/local/headers.x-org-token}" in exported


def _everything_stored(bench: Bench) -> bytes:
    """The bytes of every file of the store, and of every value in every table."""
    stored = b"".join(file.read_bytes() for file in bench.path.iterdir())
    with closing(sqlite3.connect(bench.path / "turnpike.db")) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        for table in tables:
            for row in connection.execute(f"SELECT * FROM {table}"):
                stored += b"".join(v if isinstance(v, bytes) else str(v).encode() for v in row)
    assert len(tables) > 5
    return stored


async def test_a_fault_of_our_own_shows_nothing_of_itself(bench: Bench, log: io.StringIO) -> None:
    async with bench.serving() as app, caller(app, bench.administrator) as client:

        def break_down(_provider: object) -> object:
            raise RuntimeError("canary-in-an-exception")

        app.state.probe = break_down
        await applied(client)
        answer = await client.post("/api/v1/providers/local/check")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "canary" not in answer.text + log.getvalue()
    assert "Traceback" not in answer.text
