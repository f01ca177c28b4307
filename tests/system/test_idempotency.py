"""One key, one execution: two real workers, the simulated provider's ledger, and the official SDKs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
import pytest

from tests.system.keyed_road import (
    ASKS,
    KEY,
    OTHER_KEY,
    PROMPT,
    Gateway,
    Sim,
    a_body,
    a_gateway,
    a_model,
    code_of,
    hanging,
    said_by,
    settled,
)
from tests.system.road import CHAT
from tests.system.running import Process, an_environment, status_of, wait_until

MANY = 8


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
