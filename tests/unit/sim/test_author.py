"""What the simulated model says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.unit.sim.stage import WEATHER, Recorded, Stage

ASKS = "What is the weather in Paris?"
OPENAI_TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
OTHER_TOOL = {"type": "function", "function": {"name": "send_mail", "parameters": {"type": "object"}}}
ANTHROPIC_TOOL = {"name": "get_weather", "input_schema": WEATHER}
RESPONSES_TOOL = {"type": "function", "name": "get_weather", "parameters": WEATHER}


def finish(reply: Recorded) -> Any:
    return reply.json["choices"][0]["finish_reason"]


def content(reply: Recorded) -> Any:
    return reply.json["choices"][0]["message"]["content"]


def test_the_same_request_is_answered_the_same() -> None:
    assert Stage().chat().body == Stage().chat().body
    assert Stage().chat("One").json["id"] != Stage().chat("Two").json["id"]


def test_a_tool_is_called_where_the_prompt_speaks_of_it() -> None:
    stage = Stage()
    call = stage.chat(ASKS, {"tools": [OTHER_TOOL, OPENAI_TOOL]}).json["choices"][0]["message"]["tool_calls"]
    block = stage.message(ASKS, {"tools": [ANTHROPIC_TOOL]}).json["content"][0]
    item = stage.respond(ASKS, {"tools": [RESPONSES_TOOL]}).json["output"][0]
    expected = {"city": "Paris", "unit": "celsius"}
    assert [one["function"]["name"] for one in call] == ["get_weather"]
    assert msgspec.json.decode(call[0]["function"]["arguments"]) == expected
    assert (block["name"], block["input"]) == ("get_weather", expected)
    assert (item["name"], msgspec.json.decode(item["arguments"])) == ("get_weather", expected)


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ("auto", "stop"),
        ("none", "stop"),
        ("required", "tool_calls"),
        ({"type": "function", "function": {"name": "get_weather"}}, "tool_calls"),
    ],
)
def test_the_tool_choice_decides_where_the_prompt_does_not(choice: Any, reason: str) -> None:
    assert finish(Stage().chat("Hello", {"tools": [OPENAI_TOOL], "tool_choice": choice})) == reason


def test_after_the_result_of_a_tool_the_answer_is_a_text_with_it() -> None:
    stage = Stage()
    call = stage.chat(ASKS, {"tools": [OPENAI_TOOL]}).json["choices"][0]["message"]
    history = [
        {"role": "user", "content": ASKS},
        call,
        {"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": "sunny"},
    ]
    assert "“sunny”" in content(stage.chat(more={"messages": history, "tools": [OPENAI_TOOL]}))


def test_structured_output_is_valid_for_the_schema_in_each_dialect() -> None:
    stage = Stage()
    chat = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": WEATHER}}}
    respond = {"text": {"format": {"type": "json_schema", "name": "x", "schema": WEATHER}}}
    message = {"output_config": {"format": {"type": "json_schema", "schema": WEATHER}}}
    texts = [
        content(stage.chat(more=chat)),
        stage.respond(more=respond).json["output"][0]["content"][0]["text"],
        stage.message(more=message).json["content"][0]["text"],
    ]
    assert [msgspec.json.decode(text) for text in texts] == [{"city": "simulated", "unit": "celsius"}] * 3


def test_a_maximum_cuts_the_answer_and_says_length() -> None:
    stage = Stage()
    short = stage.chat(more={"max_tokens": 2})
    assert (content(short), finish(short)) == ("This is", "length")
    assert stage.message(more={"max_tokens": 2}).json["stop_reason"] == "max_tokens"
    assert stage.chat(ASKS, {"tools": [OPENAI_TOOL], "max_tokens": 3}).json["usage"]["completion_tokens"] == 3


def test_a_stop_sequence_ends_the_answer_before_it() -> None:
    stage = Stage()
    message = stage.message(more={"stop_sequences": ["answer"]}).json
    assert content(stage.chat(more={"stop": "answer"})) == "This is a simulated "
    assert (message["stop_reason"], message["stop_sequence"]) == ("stop_sequence", "answer")


def test_lines_in_the_prompt_tell_what_to_say_and_what_to_call() -> None:
    stage = Stage()
    told = stage.chat('sim:call get_weather {"city":"Oslo"}', {"tools": [OPENAI_TOOL]})
    assert content(stage.chat("Please\nsim:say Guten Tag")) == "Guten Tag"
    assert told.json["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"city":"Oslo"}'


def test_wishes_set_answer_length_usage_and_ending() -> None:
    stage = Stage()
    assert content(stage.chat(x_sim_answer="As wished")) == "As wished"
    assert stage.chat(x_sim_answer_tokens="500").json["usage"]["completion_tokens"] == 500
    fixed = stage.message(
        x_sim_input_tokens="100",
        x_sim_output_tokens="7",
        x_sim_cached_tokens="60",
        x_sim_cache_write_tokens="30",
    ).json["usage"]
    assert (fixed["input_tokens"], fixed["cache_read_input_tokens"]) == (10, 60)
    assert (fixed["cache_creation_input_tokens"], fixed["output_tokens"]) == (30, 7)
    assert finish(stage.chat(x_sim_finish="content_filter")) == "content_filter"
    assert "usage" not in stage.chat(x_sim_usage="none").json
