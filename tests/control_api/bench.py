"""A control plane in one process: a real SQLite file, a real seal, a clock and randomness that tests set."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
from fastapi import FastAPI

from turnpike.control.app import make_control
from turnpike.control.plane import Plane
from turnpike.control.services.start import Started
from turnpike.domain.provider import ProviderKind
from turnpike.domain.snapshot import Provider
from turnpike.ports.sealing import local_token

START_NS = 1_800_000_000_000_000_000
SECOND_NS = 1_000_000_000

KINDS = {
    "openai": ProviderKind(
        name="openai",
        title="OpenAI",
        base_url="https://api.openai.com/v1",
        paths={},
        models_path="/models",
        credentialed=lambda credential: (("authorization", f"Bearer {credential}"),),
        credential_variable="OPENAI_API_KEY",
        model_patterns=("gpt-*",),
    ),
    "openai-compatible": ProviderKind(
        name="openai-compatible",
        title="OpenAI-compatible",
        base_url=None,
        paths={},
        models_path="/models",
        credentialed=lambda credential: (("authorization", f"Bearer {credential}"),),
        credential_required=False,
    ),
}


class SetClock:
    """A clock that stands until a test moves it."""

    def __init__(self) -> None:
        self.now = START_NS

    def now_ns(self) -> int:
        return self.now

    def monotonic_ns(self) -> int:
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        self.now += round(seconds * SECOND_NS)


class CountedRandomness:
    """Bytes that never repeat and that everybody can predict."""

    def __init__(self) -> None:
        self._next: Iterator[int] = itertools.count(1)

    def take(self, count: int) -> bytes:
        return next(self._next).to_bytes(count, "big")


class Probed(msgspec.Struct, frozen=True):
    """What the tests' probe says."""

    reach: str
    says: str


async def probe(provider: Provider) -> Probed:
    """A probe that reaches everybody."""
    return Probed("fine", f"{provider.name} answers")


class Bench(msgspec.Struct, frozen=True):
    """A control plane that was started, and what it showed at its start."""

    plane: Plane
    clock: SetClock
    started: Started
    path: Path

    @property
    def administrator(self) -> str:
        """The first administrator's key, as it was shown once."""
        return self.started.minted["administrator"].reveal()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[FastAPI]:
        """The app, published and followed."""
        app = make_control(self.plane, "0", probe)
        async with app.router.lifespan_context(app):
            yield app

    @asynccontextmanager
    async def client(self, key: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        """A caller of a serving app; with the local administrator's token where no key is given."""
        async with self.serving() as app, caller(app, key or local_token(self.plane.seal)) as client:
            yield client


def caller(app: FastAPI, key: str | None, peer: str = "127.0.0.1") -> httpx.AsyncClient:
    """A client of the app that shows the key."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(peer, 40000))
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(transport=transport, base_url="http://control", headers=headers)


DOCUMENT = """\
providers:
  - {name: local, kind: openai-compatible, base_url: "http://127.0.0.1:9000/v1", credential: "${env:LOCAL_KEY}"}
models:
  - {name: fast, targets: [{provider: local, model: small}]}
  - {name: "local/*", targets: [{provider: local, model: "*"}]}
teams:
  - {name: research, models: [fast]}
  - {name: sales, models: ["local/*"]}
keys:
  - {name: research-app, team: research, secret: "${env:RESEARCH_KEY}"}
"""
SECRETS = {"env:LOCAL_KEY": "canary-credential-1", "env:RESEARCH_KEY": "canary-brought-key-0001"}
DOCUMENT_TYPE = {"content-type": "application/vnd.turnpike.document+json"}


def sent(text: str = DOCUMENT, secrets: dict[str, str] | None = None, **more: object) -> dict[str, object]:
    """A document as the command line sends it."""
    values = SECRETS if secrets is None else secrets
    return {"file": "turnpike.yaml", "text": text, "secrets": values, **more}


async def applied(client: httpx.AsyncClient, text: str = DOCUMENT, **more: object) -> dict[str, Any]:
    """The answer to a document that is applied without fault."""
    answer = await client.post("/api/v1/apply", json=sent(text, **more), headers=DOCUMENT_TYPE)  # type: ignore[arg-type]  # `secrets` may be among the rest
    assert answer.status_code == 200, answer.text
    values: dict[str, Any] = answer.json()
    return values


async def made_key(client: httpx.AsyncClient, name: str, **fields: object) -> str:
    """The secret of a key that is made by a PUT."""
    answer = await client.put(f"/api/v1/keys/{name}", json=fields)
    assert answer.status_code == 201, answer.text
    secret: str = answer.json()["secret"]
    return secret
