"""The whole product between a caller and a provider that plays parts: what tests of the road share."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai

from tests.system.running import BOUND_SECONDS, COMMAND, Process, an_environment, run_command
from tests.system.upstream import CASE, Exchange, Part, Received, Upstream, an_upstream

KEY = "caller-key-0123456789-research"
CREDENTIAL = "sk-upstream-credential"
SIM_KEY = "sk-sim-credential"
HELLO: Any = [{"role": "user", "content": "Hello"}]
CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"

Document = dict[str, list[dict[str, Any]]]

_numbers = itertools.count(1)


class Road:
    """A running Turnpike and the provider behind it."""

    def __init__(self, process: Process, upstream: Upstream) -> None:
        self.process = process
        self.upstream = upstream
        self.url = process.url("gateway")
        self.http = httpx.Client(base_url=self.url, timeout=BOUND_SECONDS)

    def case(self, part: Part) -> str:
        """A case in which the provider plays this part."""
        name = f"case-{next(_numbers)}"
        self.upstream.plays(name, part)
        return name

    def received(self, case: str) -> list[Received]:
        """The requests that arrived at the provider in a case."""
        return self.upstream.received[case]

    def post(
        self, path: str, body: Any, case: str = "", key: str | None = KEY, **headers: str
    ) -> httpx.Response:
        """A call, whole; `body` as bytes goes as it is."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.post(path, content=content, headers=_headers(case, key, headers))

    def get(self, path: str, case: str = "", key: str | None = KEY, **headers: str) -> httpx.Response:
        """A request without a body."""
        return self.http.get(path, headers=_headers(case, key, headers))

    def chat(self, case: str, model: str = "gpt", *, stream: bool = False, **headers: str) -> httpx.Response:
        """A chat completion."""
        return self.post(CHAT, chat_body(model, stream=stream), case, **headers)

    def message(
        self, case: str, model: str = "claude", *, stream: bool = False, **headers: str
    ) -> httpx.Response:
        """A message of Anthropic's."""
        return self.post(MESSAGES, message_body(model, stream=stream), case, **headers)

    def openai(self, case: str = "", key: str = KEY) -> Any:
        """OpenAI's SDK, pointed at the gateway."""
        return openai.OpenAI(
            base_url=f"{self.url}/v1", api_key=key, max_retries=0, default_headers={CASE: case}, timeout=10
        )

    def anthropic(self, case: str = "", key: str = KEY) -> Any:
        """Anthropic's SDK, pointed at the gateway."""
        return anthropic.Anthropic(
            base_url=self.url, api_key=key, max_retries=0, default_headers={CASE: case}, timeout=10
        )

    def apply(self, owner: str, document: Document) -> None:
        """Apply a further document beside the one of the start."""
        file = self.process.home.parent / f"{owner}.yaml"
        file.write_text(json.dumps(document))
        done = self.command("apply", "-f", str(file), "--owner", owner)
        assert done.returncode == 0, done.stderr

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command beside the running product, as its local administrator."""
        environ = an_environment(self.process.home, TURNPIKE_CONTROL_URL=self.process.url("control"))
        return run_command(arguments, environ, self.process.home.parent)

    def metrics(self) -> str:
        """The gateway's metrics page."""
        return self.http.get("/metrics").text


@contextmanager
def a_road(folder: Path, document: Document | None = None, **variables: str) -> Iterator[Road]:
    """`turnpike up` in `folder`; its document is the usual one with `document` added."""
    with an_upstream() as upstream:
        upstream.plays("", lists_no_models)
        text = json.dumps(added(usual_document(upstream.url), document or {}))
        (folder / "turnpike.yaml").write_text(text)
        environ = an_environment(folder / "home", **variables)
        with Process(["up"], environ, folder) as process:
            process.wait_for_words("Ctrl-C stops it")
            road = Road(process, upstream)
            with road.http:
                yield road


@contextmanager
def a_simulated_provider(*flags: str) -> Iterator[str]:
    """The address of a running `turnpike sim`."""
    command = [*COMMAND, "sim", "--listen", "127.0.0.1:0", "--key", SIM_KEY, *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(BOUND_SECONDS)


def simulated_document(address: str) -> Document:
    """The simulated provider in both dialects, every name of its models."""
    names = ("gpt-*", "text-embedding-*", "claude-*")
    return {
        "providers": [
            {"name": "sim-openai", "kind": "openai", "base_url": f"{address}/v1", "credential": SIM_KEY},
            {"name": "sim-anthropic", "kind": "anthropic", "base_url": address, "credential": SIM_KEY},
        ],
        "models": [
            {
                "name": name,
                "targets": [
                    {
                        "provider": "sim-anthropic" if name.startswith("claude") else "sim-openai",
                        "model": name,
                    }
                ],
            }
            for name in names
        ]
        + [{"name": "gpt-4o-mini", "targets": [{"provider": "sim-openai", "model": "gpt-4o-mini"}]}]
        + [
            {
                "name": "claude-sonnet-4-6",
                "targets": [{"provider": "sim-anthropic", "model": "claude-sonnet-4-6"}],
            }
        ],
    }


def lists_no_models(exchange: Exchange) -> None:
    """What the gateway asks for by itself, outside of any case."""
    exchange.answer(200, b'{"data": []}')


def usual_document(upstream_url: str) -> Document:
    """A provider of each dialect, a model of each, some that are impatient, one team and its key."""
    targets = {
        "gpt": {"provider": "fake-openai", "model": "gpt-4o-mini"},
        "claude": {"provider": "fake-anthropic", "model": "claude-sonnet-4-6"},
    }
    limits = {
        "slow-first-byte": {"first_byte_timeout_seconds": 0.3},
        "silent": {"idle_timeout_seconds": 0.3},
        "long": {"total_timeout_seconds": 0.5, "idle_timeout_seconds": 0.4, "first_byte_timeout_seconds": 0.4,
                 "connect_timeout_seconds": 0.4},
    }  # fmt: skip
    models: list[dict[str, Any]] = [{"name": name, "targets": [target]} for name, target in targets.items()]
    models += [
        {"name": f"{limit}-{name}", "targets": [target], **limited}
        for name, target in targets.items()
        for limit, limited in limits.items()
    ]
    models += [
        {"name": "openai/*", "targets": [{"provider": "fake-openai", "model": "*"}]},
        {"name": "anthropic/*", "targets": [{"provider": "fake-anthropic", "model": "*"}]},
    ]
    return {
        "providers": [
            {"name": "fake-openai", "kind": "openai", "base_url": f"{upstream_url}/v1",
             "credential": CREDENTIAL},
            {"name": "fake-anthropic", "kind": "anthropic", "base_url": upstream_url,
             "credential": CREDENTIAL},
        ],
        "models": models,
        "teams": [{"name": "research", "models": ["*"]}],
        "keys": [{"name": "research-app", "team": "research", "secret": KEY}],
    }  # fmt: skip


def added(document: Document, more: Document) -> Document:
    """Both documents' resources."""
    return {kind: [*document.get(kind, []), *more.get(kind, [])] for kind in {**document, **more}}


def chat_body(model: str = "gpt", *, stream: bool = False) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "messages": HELLO}
    return body | {"stream": True} if stream else body


def message_body(model: str = "claude", *, stream: bool = False) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "max_tokens": 100, "messages": HELLO}
    return body | {"stream": True} if stream else body


def _headers(case: str, key: str | None, more: dict[str, str]) -> dict[str, str]:
    given = {name.replace("_", "-"): value for name, value in more.items()}
    usual = {"content-type": "application/json"}
    if case:
        usual[CASE] = case
    if key is not None:
        usual["authorization"] = f"Bearer {key}"
    return usual | given
