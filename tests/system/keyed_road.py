"""Two real workers before the simulated provider, for calls with an idempotency key."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai

from tests.system.road import CHAT
from tests.system.running import BOUND_SECONDS, Process, an_environment, wait_until

KEY, OTHER_KEY = "caller-key-0123456789-first", "caller-key-0123456789-second"
PROMPT = "A quiet word about order 4711"
ASKS: Any = [{"role": "user", "content": PROMPT}]
HANGS = {"x-sim-latency-ms": "60000"}

_numbers = itertools.count(1)


class Sim:
    """The simulated provider, and what it says it was asked for."""

    def __init__(self, url: str) -> None:
        self.url = url

    def asked(self, model: str) -> list[dict[str, Any]]:
        """The requests that came for a model."""
        calls = httpx.get(f"{self.url}/sim/calls").json()["calls"]
        return [call for call in calls if json.loads(call["body"] or "{}").get("model") == model]

    def billed(self, model: str) -> int:
        """The calls for a model in its ledger, however they ended."""
        tally = httpx.get(f"{self.url}/sim/ledger").json()["models"].get(model, {})
        return sum(tally.get(ending, 0) for ending in ("answered", "cut", "left", "refused"))


class Gateway:
    """A running Turnpike with two workers."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.url = process.url("gateway")

    def openai(self, max_retries: int = 0, key: str = KEY) -> Any:
        """OpenAI's SDK; each has connections of its own, to either worker."""
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=max_retries, timeout=10)

    def post(self, key: str, body: dict[str, Any], path: str = CHAT, **headers: str) -> httpx.Response:
        """A call on a connection of its own."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(
            self.url + path,
            json=body,
            headers={"authorization": f"Bearer {KEY}", "idempotency-key": key, **given},
            timeout=BOUND_SECONDS,
        )

    @property
    def worker_pids(self) -> list[int]:
        pids = [self.process.pid_of(f"gateway-{slot}") for slot in range(2)]
        return [pid for pid in pids if pid is not None]


@contextmanager
def a_gateway(folder: Path, sim: Sim) -> Iterator[Gateway]:
    """`turnpike up` in `folder`; a second time it finds what the first one left."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    document = {
        "providers": [
            {"name": "sim-openai", "kind": "openai-compatible", "base_url": f"{sim.url}/v1", "credential": "sk-s"},
            {"name": "sim-anthropic", "kind": "anthropic", "base_url": sim.url, "credential": "sk-s"},
            {"name": "nowhere", "kind": "openai-compatible", "base_url": nowhere, "credential": "sk-s"},
        ],
        "models": [
            {"name": "sim-a-*", "targets": [{"provider": "sim-anthropic", "model": "sim-a-*"}]},
            {"name": "sim-o-*", "targets": [{"provider": "sim-openai", "model": "sim-o-*"}]},
            {"name": "sim-n-*", "targets": [{"provider": "nowhere", "model": "sim-n-*"}], "retries": 0},
        ],
        "teams": [{"name": "research", "models": ["*"]}],
        "keys": [
            {"name": "first", "team": "research", "secret": KEY},
            {"name": "second", "team": "research", "secret": OTHER_KEY},
        ],
    }  # fmt: skip
    (folder / "turnpike.yaml").write_text(json.dumps(document))
    environ = an_environment(folder / "home", TURNPIKE_WORKERS="2", TURNPIKE_DRAIN_SECONDS="1")
    with Process(["up"], environ, folder) as process:
        process.wait_for_words("Ctrl-C stops it")
        yield Gateway(process)


def a_model(kind: str = "o") -> str:
    """A model that no other test asks for."""
    return f"sim-{kind}-{next(_numbers)}"


def a_body(model: str, *, stream: bool = False) -> dict[str, Any]:
    return {"model": model, "messages": ASKS, "stream": stream}


def code_of(response: httpx.Response) -> str:
    return str(response.json()["error"]["code"])


def said_by(response: httpx.Response) -> str:
    return str(response.json()["error"]["message"])


@contextmanager
def hanging(gateway: Gateway, model: str, sim: Sim) -> Iterator[None]:
    """A call that waits for its provider while the block runs; then its caller goes away."""
    address = urlsplit(gateway.url)
    body = httpx.Request("POST", gateway.url, json=a_body(model)).content
    lines = [
        f"POST {CHAT} HTTP/1.1",
        f"host: {address.netloc}",
        f"authorization: Bearer {KEY}",
        f"idempotency-key: {model}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in HANGS.items()),
    ]
    with socket.create_connection((address.hostname, address.port)) as caller:
        caller.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        wait_until(lambda: len(sim.asked(model)) == 1, "the call at the provider")
        yield


def settled(gateway: Gateway, model: str) -> httpx.Response:
    """What the key answers once its call is no longer running."""
    answers: list[httpx.Response] = []

    def has_ended() -> bool:
        answers.append(gateway.post(model, a_body(model)))
        return answers[-1].status_code != 409 or "still running" not in said_by(answers[-1])

    wait_until(has_ended, "the end of the call")
    return answers[-1]
