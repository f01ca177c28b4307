"""The simulated provider against recorded conversations: it sends no field that its originals never sent."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import zstandard

from tests.architecture.tree import REPOSITORY
from tests.unit.sim.stage import Recorded, Stage
from turnpike.sim.settings import SimSettings

RECORDINGS = REPOSITORY.parent / "shared" / "recordings" / "recordings.jsonl.zst"
PATHS = (
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/embeddings",
    "/v1/messages",
    "/v1/messages/count_tokens",
)
FREE = (".tools", ".text.format.schema", ".input", ".metadata", ".reasoning.", ".parameters")
"""Below these stands what the request itself said."""

WHAT_IT_DID_NOT_GIVE_OUT = ("signature", "encrypted content", "Previous response")
"""A recorded history carries seals and ids of the real provider; the simulated one refuses them as such."""


@pytest.fixture(scope="module")
def rows() -> list[Any]:
    if not RECORDINGS.exists():
        pytest.skip("the recorded conversations are not beside this repository (../shared/recordings)")
    with RECORDINGS.open("rb") as packed:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(packed), "utf-8")
        found = [msgspec.json.decode(line) for line in text]
    return [
        row
        for row in found
        if row["provider"] in ("openai", "anthropic")
        and row["method"] == "POST"
        and row["status"] == 200
        and row["path"].partition("?")[0] in PATHS
    ]


@pytest.fixture(scope="module")
def answers(rows: list[Any]) -> list[tuple[Any, Recorded]]:
    stage = Stage(SimSettings(models=("*",)))
    return [(row, stage.call(row["path"], row["request"])) for row in rows]


def test_what_the_provider_took_the_simulated_one_takes(answers: list[tuple[Any, Recorded]]) -> None:
    refused = [reply.json["error"]["message"] for _, reply in answers if reply.status != 200]
    assert [
        message for message in refused if not any(mark in message for mark in WHAT_IT_DID_NOT_GIVE_OUT)
    ] == []
    assert len(refused) < len(answers) / 5


def test_whole_answers_have_no_field_of_their_own(answers: list[tuple[Any, Recorded]]) -> None:
    sent: dict[str, set[str]] = defaultdict(set)
    recorded: dict[str, set[str]] = defaultdict(set)
    for row, reply in answers:
        if row["response"] is not None and reply.status == 200:
            path = row["path"].partition("?")[0]
            sent[path] |= set(fields(reply.json))
            recorded[path] |= set(fields(row["response"]))
    assert {path: sorted(sent[path] - recorded[path]) for path in PATHS} == {path: [] for path in PATHS}


def test_events_have_no_name_or_field_of_their_own(answers: list[tuple[Any, Recorded]]) -> None:
    sent: dict[str, set[str]] = defaultdict(set)
    recorded: dict[str, set[str]] = defaultdict(set)
    for row, reply in answers:
        if row["response_text"] and reply.status == 200:
            path = row["path"].partition("?")[0]
            sent[path] |= event_fields(reply)
            original = Recorded()
            original.pieces = [row["response_text"].encode()]
            recorded[path] |= event_fields(original)
    assert set(sent) == {"/v1/chat/completions", "/v1/responses", "/v1/messages"}
    assert {path: sorted(sent[path] - recorded[path]) for path in sent} == {path: [] for path in sent}


def event_fields(reply: Recorded) -> set[str]:
    return {
        f"{name or 'data'}{field}"
        for name, value in reply.events
        for field in (fields(value) if isinstance(value, dict) else [value])
    }


def fields(value: Any, at: str = "") -> Iterator[str]:
    """The path of every field in the value."""
    if any(free in at for free in FREE):
        return
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{at}.{name}"
            yield from fields(inner, f"{at}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner, f"{at}[]")
