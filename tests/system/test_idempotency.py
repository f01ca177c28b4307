"""One key, one execution: two real workers, the simulated provider's ledger, and the official SDKs."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anthropic
import httpx
import openai
import pytest

from tests.system.road import CHAT
from tests.system.running import BOUND_SECONDS, Process, an_environment, status_of, wait_until

KEY, OTHER_KEY = "caller-key-0123456789-first", "caller-key-0123456789-second"
PROMPT = "A quiet word about order 4711"
ASKS: Any = [{"role": "user", "content": PROMPT}]
MANY = 8
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


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sim]:
    folder = tmp_path_factory.mktemp("sim")
    with Process(
        ["sim", "--listen", "127.0.0.1:0", "--fresh-ids"], an_environment(folder), folder
    ) as process:
        yield Sim(process.wait_for_words("http://").split()[-1])


@pytest.fixture(scope="module")
def gateway(sim: Sim, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with a_gateway(tmp_path_factory.mktemp("gateway"), sim) as gateway:
        yield gateway


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


def test_the_sdk_gets_the_same_answer_again_without_a_second_call(gateway: Gateway, sim: Sim) -> None:
    model = a_model()
    asked = {
        "model": model,
        "messages": ASKS,
        "extra_headers": {"idempotency-key": f"key {model}".replace(" ", "-")},
    }
    raws = []
    for _ in range(MANY):
        with gateway.openai() as client:
            raws.append(client.chat.completions.with_raw_response.create(**asked))
    first, *others = raws
    for again in others:
        assert again.text == first.text
        assert again.headers["x-turnpike-replayed"] == first.headers["x-turnpike-call-id"]
        assert again.headers["x-turnpike-target"] == first.headers["x-turnpike-target"]
        assert again.headers["content-type"] == first.headers["content-type"]
        assert again.parse().choices[0].message.content == first.parse().choices[0].message.content
    assert len({raw.headers["x-turnpike-call-id"] for raw in raws}) == MANY
    assert sim.billed(model) == 1
    (request,) = sim.asked(model)
    assert "idempotency-key" not in request["headers"]


def test_of_many_at_once_one_is_executed_and_the_others_are_told_to_wait(gateway: Gateway, sim: Sim) -> None:
    model = a_model()
    with ThreadPoolExecutor(MANY) as threads:
        answers = list(
            threads.map(lambda _: gateway.post(model, a_body(model), x_sim_latency_ms="400"), range(MANY))
        )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * (MANY - 1)
    for refused in (answer for answer in answers if answer.status_code == 409):
        assert code_of(refused) == "conflict"
        assert refused.headers["retry-after"] == "1"
    assert sim.billed(model) == 1


def test_the_sdks_own_retries_bring_everybody_the_one_answer(gateway: Gateway, sim: Sim) -> None:
    model = a_model()

    def ask(_: int) -> Any:
        with gateway.openai(max_retries=5) as client:
            headers = {"idempotency-key": model, "x-sim-latency-ms": "400"}
            return client.chat.completions.create(model=model, messages=ASKS, extra_headers=headers)

    with ThreadPoolExecutor(MANY) as threads:
        answers = list(threads.map(ask, range(MANY)))
    assert len({answer.id for answer in answers}) == 1
    assert sim.billed(model) == 1


def test_a_stream_comes_again_byte_for_byte(gateway: Gateway, sim: Sim) -> None:
    model = a_model()
    first, again = (gateway.post(model, a_body(model, stream=True)) for _ in range(2))
    assert first.content == again.content
    assert first.content.endswith(b"data: [DONE]\n\n")
    assert again.headers["content-type"] == first.headers["content-type"]
    assert "content-length" not in again.headers
    assert again.headers["x-turnpike-replayed"] == first.headers["x-turnpike-call-id"]
    with gateway.openai() as client:
        stream = client.chat.completions.create(
            model=model, messages=ASKS, stream=True, extra_headers={"idempotency-key": f"{model}-sdk"}
        )
        chunks = list(stream)
        repeated = client.chat.completions.create(
            model=model, messages=ASKS, stream=True, extra_headers={"idempotency-key": f"{model}-sdk"}
        )
        assert list(repeated) == chunks
    assert sim.billed(model) == 2


def test_a_stream_of_anthropic_s_comes_again_through_its_sdk(gateway: Gateway, sim: Sim) -> None:
    model = a_model("a")
    texts = []
    for _ in range(2):
        with (
            anthropic.Anthropic(base_url=gateway.url, api_key=KEY, max_retries=0) as client,
            client.messages.stream(
                model=model, max_tokens=50, messages=ASKS, extra_headers={"idempotency-key": model}
            ) as stream,
        ):
            texts.append(stream.get_final_message())
    assert texts[0] == texts[1]
    assert sim.billed(model) == 1


def test_another_body_or_path_under_the_key_is_a_mismatch_that_the_sdk_does_not_repeat(
    gateway: Gateway, sim: Sim
) -> None:
    model = a_model()
    assert gateway.post(model, a_body(model)).status_code == 200
    with gateway.openai(max_retries=3) as client, pytest.raises(openai.ConflictError) as met:
        client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": "Something else"}],
            extra_headers={"idempotency-key": model},
        )
    assert met.value.code == "idempotency_mismatch"
    assert met.value.response.headers["x-should-retry"] == "false"
    other = gateway.post(model, {"model": model, "prompt": "x"}, "/v1/completions")
    assert (other.status_code, code_of(other)) == (409, "idempotency_mismatch")
    assert sim.billed(model) == 1


def test_each_caller_has_keys_of_its_own(gateway: Gateway, sim: Sim) -> None:
    model = a_model()
    for key in (KEY, OTHER_KEY):
        answer = gateway.post(model, a_body(model), authorization=f"Bearer {key}")
        assert "x-turnpike-replayed" not in answer.headers
    assert sim.billed(model) == 2


def test_what_is_no_key_is_refused(gateway: Gateway, sim: Sim) -> None:
    model = a_model()
    for key in ("", "two words", "x" * 256):
        refused = gateway.post(key, a_body(model))
        assert (refused.status_code, code_of(refused)) == (400, "invalid_request")
    assert sim.asked(model) == []


def test_a_provider_s_refusal_frees_the_key(gateway: Gateway, sim: Sim) -> None:
    model = a_model()
    refused = gateway.post(model, a_body(model), x_sim_error="429")
    served = gateway.post(model, a_body(model))
    assert (refused.status_code, served.status_code) == (429, 200)
    assert "x-turnpike-replayed" not in served.headers
    assert len(sim.asked(model)) == 2


def test_a_provider_out_of_reach_frees_the_key(gateway: Gateway) -> None:
    model = a_model("n")
    for _ in range(2):
        answer = gateway.post(model, a_body(model))
        assert (answer.status_code, code_of(answer)) == (502, "upstream_failed")
        assert "x-turnpike-replayed" not in answer.headers


@pytest.mark.parametrize(
    "fault",
    [{"x_sim_error": "500"}, {"x_sim_cut": "headers", "x_sim_cut_how": "reset"}, {"x_sim_body": "html"}],
)
def test_a_failure_after_the_call_was_sent_comes_again(
    gateway: Gateway, sim: Sim, fault: dict[str, str]
) -> None:
    model = a_model()
    first = gateway.post(model, a_body(model), **fault)
    again = gateway.post(model, a_body(model))
    assert first.status_code >= 500
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["x-should-retry"] == "false"
    assert "retry-after" not in again.headers
    assert len(sim.asked(model)) == 1


def test_a_stream_that_was_cut_comes_again_as_it_was(gateway: Gateway, sim: Sim) -> None:
    model = a_model()
    first = gateway.post(model, a_body(model, stream=True), x_sim_cut="middle", x_sim_cut_how="reset")
    again = gateway.post(model, a_body(model, stream=True))
    assert first.content == again.content
    assert b"upstream_interrupted" in again.content
    assert sim.billed(model) == 1


def test_a_caller_that_goes_away_leaves_a_key_that_is_not_executed_again(gateway: Gateway, sim: Sim) -> None:
    model = a_model()
    with hanging(gateway, model, sim):
        assert "still running" in said_by(gateway.post(model, a_body(model)))
    answer = settled(gateway, model)
    assert (answer.status_code, code_of(answer)) == (409, "conflict")
    assert "was cancelled" in said_by(answer)
    assert answer.headers["x-should-retry"] == "false"
    assert len(sim.asked(model)) == 1


def test_without_a_place_for_keys_only_calls_with_one_are_refused(gateway: Gateway, sim: Sim) -> None:
    model = a_model()
    place = gateway.process.home / "idempotency"
    aside = place.with_name("aside")
    if place.exists():
        place.rename(aside)
    place.write_text("a file where a folder should be")
    try:
        refused = gateway.post(model, a_body(model))
        assert (refused.status_code, code_of(refused)) == (503, "overloaded")
        assert "nothing was sent" in said_by(refused)
        assert sim.asked(model) == []
        plain = httpx.post(
            gateway.url + CHAT, json=a_body(model), headers={"authorization": f"Bearer {KEY}"}, timeout=10
        )
        assert plain.status_code == 200
    finally:
        place.unlink()
        if aside.exists():
            aside.rename(place)


def test_nothing_that_was_said_is_in_the_clear(gateway: Gateway) -> None:
    model = a_model()
    answer = gateway.post(f"a-secret-key-{model}", a_body(model))
    said = answer.json()["choices"][0]["message"]["content"]
    files = [path for path in (gateway.process.home / "idempotency").rglob("*") if path.is_file()]
    assert files
    for file in files:
        content = file.read_bytes() + str(file).encode()
        for text in (PROMPT, said[:20], "a-secret-key", KEY, "choices", model):
            assert text.encode() not in content


def test_a_killed_worker_leaves_a_key_that_is_not_executed_again(sim: Sim, tmp_path: Path) -> None:
    model, kept = a_model(), a_model()
    with a_gateway(tmp_path, sim) as gateway:
        first = gateway.post(kept, a_body(kept))
        with hanging(gateway, model, sim):
            pids = gateway.worker_pids
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not set(pids) & set(gateway.worker_pids), "new workers")
            wait_until(lambda: status_of(gateway.url + "/readyz") == 200, "workers that are ready")
            answer = settled(gateway, model)
        assert (answer.status_code, code_of(answer)) == (409, "conflict")
        assert "never came to its end" in said_by(answer)
        again = gateway.post(kept, a_body(kept))
        assert (again.content, again.headers["x-turnpike-replayed"]) == (
            first.content,
            first.headers["x-turnpike-call-id"],
        )
    assert (len(sim.asked(model)), sim.billed(kept)) == (1, 1)


def test_keys_outlive_a_restart_also_of_calls_that_were_cut_by_it(sim: Sim, tmp_path: Path) -> None:
    model, kept = a_model(), a_model()
    with a_gateway(tmp_path, sim) as gateway:
        first = gateway.post(kept, a_body(kept))
        with hanging(gateway, model, sim):
            gateway.process.send(signal.SIGTERM)
            assert gateway.process.ended() == 0
    with a_gateway(tmp_path, sim) as gateway:
        again = gateway.post(kept, a_body(kept))
        assert again.content == first.content
        assert again.headers["x-turnpike-replayed"] == first.headers["x-turnpike-call-id"]
        cut = gateway.post(model, a_body(model))
        assert (cut.status_code, code_of(cut)) == (409, "conflict")
        assert "was cancelled" in said_by(cut)
    assert (len(sim.asked(model)), sim.billed(kept)) == (1, 1)


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
