"""Large documents: the work grows with what they hold, and not with its square."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.control_api.bench import Bench, caller, made_key
from tests.control_api.conftest import Opening
from tests.work_done import lines_run
from turnpike.control.document.reading import Source
from turnpike.control.plane import Plane
from turnpike.control.services.carry_out import carry_out_alone
from turnpike.control.services.documents import Document, decide_document, given_secrets, read
from turnpike.control.services.identify import LOCAL_ACTOR
from turnpike.domain.errors import FaultyDocument

FEW, MANY = 40, 160
GROWS_AT_MOST = 5.0
"""Four times as much takes four times the work, and a little for what is sorted; the square would take sixteen."""

CODE = str(Path(sys.modules["turnpike"].__file__ or "").parent)

BOUND_SECONDS = 10

Lists = dict[str, list[dict[str, Any]]]


def a_document(lists: Lists, **values: str) -> Document:
    text = msgspec.json.encode(lists).decode()
    return Document(Source("d", text, "json"), "d", given_secrets(values, ()))


def apply(plane: Plane, document: Document) -> None:
    reading = read(plane, document)
    carry_out_alone(
        plane, lambda state: decide_document(plane, state, LOCAL_ACTOR, document, reading).decision
    )


def brought_keys(count: int) -> Lists:
    keys = [{"name": f"k{n}", "role": "viewer", "secret": f"a-brought-key-number-{n}"} for n in range(count)]
    return {"keys": keys}


def keys_of_users(count: int) -> Lists:
    users = [{"name": f"u{n}"} for n in range(count)]
    return {"users": users, "keys": [{"name": f"k{n}", "user": f"u{n}"} for n in range(count)]}


def credentials(count: int) -> Lists:
    address = "http://127.0.0.1:9000/v1"
    one = {"kind": "openai-compatible", "base_url": address}
    return {
        "providers": [{"name": f"p{n}", "credential": f"credential-{n}", **one} for n in range(count)],
    }


@pytest.mark.parametrize("made", [brought_keys, keys_of_users, credentials])
def test_the_work_of_a_document_grows_with_its_length(opened: Opening, made: Callable[[int], Lists]) -> None:
    plane = opened().plane
    works = []
    for count in (FEW, MANY):
        document = a_document(made(count))
        works.append(lines_run(lambda document=document: apply(plane, document), CODE))  # type: ignore[misc]  # bound now
        apply(plane, a_document({}))
    assert works[1] < GROWS_AT_MOST * works[0]


def test_the_work_of_references_without_values_grows_with_their_number(opened: Opening) -> None:
    plane = opened().plane
    works = []
    for count in (FEW, MANY):
        lists = brought_keys(count)
        apply(plane, a_document(lists))
        for number, key in enumerate(lists["keys"]):
            key["secret"] = f"${{env:OTHER_{number}}}"
        document = a_document(lists)

        def refused(document: Document = document) -> None:
            with pytest.raises(FaultyDocument, match="no value came with the document"):
                apply(plane, document)

        works.append(lines_run(refused, CODE))
        apply(plane, a_document({}))
    assert works[1] < GROWS_AT_MOST * works[0]


@pytest.mark.anyio
async def test_while_one_document_is_read_others_wait_and_nobody_else_does(bench: Bench) -> None:
    async with (
        bench.serving() as app,
        caller(app, bench.administrator) as client,
        asyncio.TaskGroup() as tasks,
    ):
        await made_key(client, "k", role="viewer")
        async with asyncio.timeout(BOUND_SECONDS), app.state.road.documents:
            planned = tasks.create_task(client.post("/api/v1/plan", json={"keys": []}))
            applied = tasks.create_task(client.post("/api/v1/apply", json={"keys": []}))
            assert (await client.get("/readyz")).status_code == 200
            assert (await client.get("/api/v1/keys/k")).status_code == 200
            assert (await client.put("/api/v1/keys/other", json={"role": "viewer"})).status_code == 201
            assert (await client.post("/api/v1/keys/k/revoke")).status_code == 200
            assert not planned.done()
            assert not applied.done()
    assert [planned.result().status_code, applied.result().status_code] == [200, 200]
