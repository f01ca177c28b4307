"""Whatever JSON a caller sends to the simulated provider, it is answered, or refused as the caller's mistake."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.sim.stage import CLAUDE, GPT, Stage

SCHEMA = {
    "type": "object",
    "properties": {
        "city": {"type": "string", "minLength": 2, "maxLength": 9, "pattern": "^a+$"},
        "count": {"type": "integer", "minimum": 1, "exclusiveMaximum": 9, "multipleOf": 2},
        "list": {"type": "array", "items": {"$ref": "#/$defs/x"}, "prefixItems": [{}], "minItems": 2},
        "either": {"anyOf": [{"type": "null"}, {"enum": ["a"]}, {"const": 1}]},
        "both": {"allOf": [{"required": ["q"], "properties": {"q": {}}}], "required": ["z"]},
    },
    "required": ["city", "count", "list", "either", "both"],
    "$defs": {"x": {"type": "number"}},
}
TEXT = {"type": "text", "text": "call get_weather"}
CHAT = {
    "model": GPT,
    "messages": [
        {"role": "user", "content": [TEXT]},
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": "sunny"},
    ],
    "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}],
    "tool_choice": {"type": "function", "function": {"name": "get_weather"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
    "temperature": 1,
    "n": 2,
    "stop": ["a"],
    "max_tokens": 100,
    "reasoning_effort": "low",
    "stream_options": {"include_usage": True},
}
RESPONSE = {
    "model": GPT,
    "input": [
        {"id": "x", "type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "o"},
    ],
    "instructions": "i",
    "tools": [{"type": "function", "name": "get_weather", "parameters": SCHEMA}],
    "tool_choice": {"type": "function", "name": "get_weather"},
    "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
    "reasoning": {"effort": "low", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "metadata": {"a": "b"},
    "background": True,
}
MESSAGE = {
    "model": CLAUDE,
    "max_tokens": 2000,
    "system": [TEXT],
    "messages": [
        {"role": "user", "content": "weather"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [TEXT]}]},
    ],
    "tools": [{"name": "get_weather", "input_schema": SCHEMA}],
    "tool_choice": {"type": "tool", "name": "get_weather"},
    "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
    "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
    "stop_sequences": ["a"],
}
COMPLETION = {"model": "gpt-3.5-turbo-instruct", "prompt": ["a"], "n": 2, "max_tokens": 9, "stop": "a"}
EMBEDDING = {"model": "text-embedding-3-small", "input": ["a"], "dimensions": 8, "encoding_format": "base64"}
BODIES = {
    "/v1/chat/completions": CHAT,
    "/v1/responses": RESPONSE,
    "/v1/responses/input_tokens": RESPONSE,
    "/v1/messages": MESSAGE,
    "/v1/messages/count_tokens": MESSAGE,
    "/v1/completions": COMPLETION,
    "/v1/embeddings": EMBEDDING,
}
WORDS = st.sampled_from(["type", "name", "id", "role", "content", "schema", "items", "required", "user", "("])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner), max_leaves=8
)


def _places(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value))
    return [place, *(found for step, inner in inside for found in _places(inner, (*place, step)))]


def _with(value: Any, place: tuple[Any, ...], other: Any) -> Any:
    """The value with another one at the place."""
    if not place:
        return other
    step, *rest = place
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[step] = _with(value[step], tuple(rest), other)
    return copy


@pytest.mark.parametrize("path", BODIES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_shape_of_json_is_a_fault_of_the_simulation(path: str, data: st.DataObject) -> None:
    body: Any = {**BODIES[path], "stream": data.draw(st.booleans())}
    for _ in range(data.draw(st.integers(1, 2))):
        body = _with(body, data.draw(st.sampled_from(_places(body))), data.draw(JSON))
    assert Stage().call(path, body).status in (200, 400, 404)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("levels", [120, 500, 100_000])
def test_a_body_that_is_nested_deeply_is_no_fault_either(path: str, levels: int) -> None:
    text = b'{"model": "x", "metadata": ' + b"[" * levels + b"]" * levels + b"}"
    assert Stage().call(path, text).status in (200, 400, 404)
    whole = {**BODIES[path], "metadata": 0}
    deep: Any = []
    for _ in range(min(levels, 500)):
        deep = [deep]
    assert Stage().call(path, {**whole, "metadata": deep}).status == (200 if levels == 120 else 400)


def test_an_item_whose_type_is_a_list_is_the_callers_mistake() -> None:
    refused = Stage().call("/v1/responses", {"model": GPT, "input": [{"id": "x", "type": ["a"]}]})
    assert refused.status == 400
    assert refused.json["error"]["code"] == "invalid_type"
    assert "input[0].type" in refused.json["error"]["message"]


def test_a_schema_that_demands_more_than_anybody_waits_for_is_given_up() -> None:
    schema: Any = {"type": "string"}
    for _ in range(6):
        schema = {"type": "array", "items": schema, "minItems": 1000}
    format_ = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert Stage().chat(more={"response_format": format_}).status == 200
