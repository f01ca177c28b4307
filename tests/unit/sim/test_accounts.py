"""What the simulated provider counts: limits, its ledger, the calls it saw, its flags."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import msgspec
import pytest

from tests.unit.sim.stage import CLAUDE, GPT, Recorded, Stage, a_request
from turnpike.sim.meanings import SETTING_MEANINGS, STEERING_MEANINGS
from turnpike.sim.settings import SimSettings
from turnpike.sim.steering import FIELDS, header_of

PAGE = Path(__file__).parents[3] / "docs" / "sim.md"
KEY = f"sha256:{hashlib.sha256(b'sk-sim').hexdigest()[:16]}"


def test_the_ledger_counts_what_was_answered_by_model_and_key() -> None:
    stage = Stage()
    usages = [stage.chat().json["usage"], stage.chat().json["usage"]]
    stage.message(x_sim_input_tokens="10", x_sim_output_tokens="5")
    ledger = stage.ledger()
    spent = sum(usage["prompt_tokens"] for usage in usages)
    assert ledger["models"][GPT]["input_tokens"] == spent
    assert ledger["models"][GPT]["answered"] == 2
    assert ledger["models"][CLAUDE]["output_tokens"] == 5
    assert ledger["total"]["input_tokens"] == ledger["keys"][KEY]["input_tokens"] == spent + 10


def test_the_ledger_sets_cut_and_refused_calls_apart_with_the_tokens_that_went_out() -> None:
    stage = Stage()
    stage.chat(more={"stream": True}, x_sim_cut_after_events="4", x_sim_input_tokens="9")
    stage.chat(x_sim_error="500")
    total = stage.ledger()["total"]
    assert (total["answered"], total["cut"], total["refused"]) == (0, 1, 1)
    assert (total["unfinished_input_tokens"], total["unfinished_output_tokens"]) == (9, 3)
    assert stage.call("/sim/ledger", method="DELETE").json["total"]["cut"] == 0


def test_a_caller_that_leaves_is_counted_with_what_had_gone_out() -> None:
    stage = Stage()

    class Leaver(Recorded):
        def write(self, data: bytes) -> None:
            if len(self.pieces) == 3:
                raise asyncio.CancelledError
            super().write(data)

    body = {"model": GPT, "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(stage.simulation(a_request("/v1/chat/completions", body), Leaver()))
    total = stage.ledger()["total"]
    assert (total["left"], total["unfinished_output_tokens"]) == (1, 2)


def test_counting_tokens_and_reading_back_are_not_billed() -> None:
    stage = Stage()
    stage.call("/v1/messages/count_tokens", {"model": CLAUDE, "messages": [{"role": "user", "content": "x"}]})
    stage.call("/v1/models", method="GET")
    assert stage.ledger()["total"]["answered"] == 0


def test_a_limit_on_requests_refuses_and_lets_the_next_through_when_it_said() -> None:
    stage = Stage(SimSettings(requests_per_minute=2))
    first, _, third = stage.chat(), stage.chat(), stage.chat()
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert first.headers["x-ratelimit-reset-requests"] == "30s"
    assert (third.status, third.json["error"]["code"]) == (429, "rate_limit_exceeded")
    assert (third.headers["retry-after"], third.headers["retry-after-ms"]) == ("30", "30000")
    stage.clock.ns += 30_000_000_000
    assert stage.chat().status == 200
    assert stage.chat(authorization="Bearer sk-another").status == 200


def test_a_limit_on_tokens_has_anthropics_headers() -> None:
    stage = Stage(SimSettings(tokens_per_minute=60))
    wishes = {"x_sim_input_tokens": "30", "x_sim_output_tokens": "20"}
    first, second = stage.message(**wishes), stage.message(**wishes)
    assert first.headers["anthropic-ratelimit-tokens-limit"] == "60"
    assert first.headers["anthropic-ratelimit-tokens-remaining"] == "10"
    assert first.headers["anthropic-ratelimit-tokens-reset"] == "2027-01-15T08:00:50Z"
    assert (second.status, second.json["error"]["type"], second.headers["retry-after"]) == (
        429, "rate_limit_error", "40",
    )  # fmt: skip


def test_the_last_calls_are_shown_without_their_keys() -> None:
    stage = Stage()
    stage.chat("Show me", x_custom="yes")
    shown = stage.call("/sim/calls", method="GET")
    call = shown.json["calls"][0]
    assert (call["path"], call["key"], call["headers"]) == ("/v1/chat/completions", KEY, {"x-custom": "yes"})
    assert msgspec.json.decode(call["body"])["messages"][0]["content"] == "Show me"
    assert b"sk-sim" not in shown.body


def test_fresh_ids_differ_from_call_to_call_and_carry_the_time() -> None:
    stage = Stage(SimSettings(fresh_ids=True))
    one, two = stage.chat().json, stage.chat().json
    assert one["id"] != two["id"]
    assert one["created"] == 1_800_000_000
    assert one["choices"] == two["choices"]


def test_another_seed_gives_other_ids() -> None:
    assert Stage(SimSettings(seed="1")).chat().json["id"] != Stage().chat().json["id"]


def test_every_wish_and_setting_is_explained_and_stands_in_the_docs() -> None:
    page = PAGE.read_text()
    assert tuple(STEERING_MEANINGS) == FIELDS
    assert set(SETTING_MEANINGS) == {*SimSettings.__struct_fields__} - {"steering"}
    assert [name for name in FIELDS if f"`{header_of(name)}`" not in page] == []
    flags = [
        {"keys": "key", "models": "model"}.get(name, name).replace("_", "-") for name in SETTING_MEANINGS
    ]
    assert [flag for flag in flags if f"`--{flag}`" not in page] == []
