"""Recorded conversations with real providers, as exchanges that the gateway can carry."""

from __future__ import annotations

import io
import json
import random
import re
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from tests.architecture.tree import REPOSITORY

RECORDINGS = REPOSITORY.parent / "shared" / "recordings" / "recordings.jsonl.zst"
ABSENT = "the recorded conversations are not beside this repository (../shared/recordings)"

SURFACES = re.compile(
    r"(?P<base>.*?)(?P<surface>/chat/completions|/completions|/responses|/responses/compact|"
    r"/responses/input_tokens|/embeddings|/messages|/messages/count_tokens)(?P<query>\?.*)?"
)
"""The paths of the surfaces that are served, behind each provider's own base."""

FOREIGN = frozenset(("bedrock", "cohere", "gemini", "vertex"))
"""Providers whose recorded dialects are neither OpenAI's nor Anthropic's."""

FRAMING = frozenset(("content-length", "transfer-encoding", "content-encoding", "connection"))


class Recording(msgspec.Struct, frozen=True):
    """One POST as it was recorded; `base` is the provider's path in front of `surface`."""

    id: str
    provider: str
    host: str
    base: str
    surface: str
    query: str
    request_headers: dict[str, str]
    request: dict[str, Any]
    status: int
    response_headers: dict[str, str]
    answer: bytes
    is_stream: bool

    @property
    def speaks_anthropic(self) -> bool:
        return self.surface.startswith("/messages")

    @property
    def label(self) -> str:
        """The provider's name in the gateway's document."""
        return re.sub(r"[^a-z0-9-]+", "-", f"{self.provider}{self.base}".lower()).strip("-")

    @property
    def path(self) -> str:
        """Where the caller sends it."""
        return f"/v1{self.surface}{self.query}"

    @property
    def upstream_path(self) -> str:
        return f"{self.base}{self.surface}{self.query}"


def read_recordings(file: Path = RECORDINGS) -> list[Recording]:
    """Every recorded POST on a surface that is served."""
    return [made for row in _rows(file) if (made := _recording(row)) is not None]


def read_retrievals(file: Path = RECORDINGS) -> list[tuple[str, bytes]]:
    """Path and answer of every recorded GET of a response that OpenAI keeps."""
    return [
        (row["path"], written(row["response"], row["id"]))
        for row in _rows(file)
        if row["method"] == "GET" and row["path"].startswith("/v1/responses/")
    ]


def _rows(file: Path) -> list[dict[str, Any]]:
    with file.open("rb") as packed:
        text = io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(packed), "utf-8")
        return [msgspec.json.decode(line) for line in text]


def _recording(row: dict[str, Any]) -> Recording | None:
    match = SURFACES.fullmatch(row["path"])
    if match is None or row["method"] != "POST" or row["provider"] in FOREIGN or not row["request"]:
        return None
    answer = row["response_text"]
    return Recording(
        id=row["id"],
        provider=row["provider"],
        host=row["host"],
        base=match["base"],
        surface=match["surface"],
        query=match["query"] or "",
        request_headers=_text_values(row["request_headers"]),
        request=row["request"],
        status=row["status"],
        response_headers={
            name: value
            for name, value in _text_values(row["response_headers"]).items()
            if name not in FRAMING
        },
        answer=answer.encode() if answer else written(row["response"], row["id"]),
        is_stream=bool(answer),
    )


def written(value: Any, seed: str) -> bytes:
    """The value as JSON, each time in one of the forms that clients write it in."""
    style = random.Random(seed).randrange(4)
    text = (
        json.dumps(value),
        json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        json.dumps(value, ensure_ascii=False, indent=2) + "\n",
        "\r\n\t" + json.dumps(value, separators=(" , ", " : ")),
    )[style]
    return text.encode()


def pieces(data: bytes, seed: str, most: int) -> list[bytes]:
    """The data cut at places of chance, into pieces of up to `most` bytes."""
    chance = random.Random(seed)
    cut, at = [], 0
    while at < len(data):
        end = at + chance.randint(1, most)
        cut.append(data[at:end])
        at = end
    return cut


def _text_values(headers: dict[str, Any]) -> dict[str, str]:
    return {
        name.lower(): ", ".join(value) if isinstance(value, list) else str(value)
        for name, value in headers.items()
    }
