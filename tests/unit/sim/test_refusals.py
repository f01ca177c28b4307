"""Requests that the real providers refuse are refused, in their words and forms."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.sim.stage import CLAUDE, GPT, Stage
from turnpike.sim.settings import SimSettings

USER = {"role": "user", "content": "Hello"}
CHAT = {"model": GPT, "messages": [USER]}
MESSAGE = {"model": CLAUDE, "max_tokens": 10, "messages": [USER]}
CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
USED: Any = {
    "role": "assistant",
    "content": [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}],
}
RESULT: Any = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_2", "content": "x"}]}


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/v1/chat/completions", b"{", 400, None),
        ("/v1/chat/completions", b"[]", 400, None),
        ("/v1/chat/completions", without(CHAT, "messages"), 400, "missing_required_parameter"),
        ("/v1/chat/completions", {**CHAT, "messages": []}, 400, "empty_array"),
        ("/v1/chat/completions", {**CHAT, "messages": [{"role": "king"}]}, 400, "invalid_value"),
        ("/v1/chat/completions", without(CHAT, "model"), 400, None),
        ("/v1/chat/completions", {**CHAT, "model": "gpt-0"}, 404, "model_not_found"),
        ("/v1/chat/completions", {**CHAT, "model": "text-embedding-3-small"}, 404, None),
        ("/v1/chat/completions", {**CHAT, "temperature": -1}, 400, "decimal_below_min_value"),
        ("/v1/chat/completions", {**CHAT, "temperature": "hot"}, 400, "invalid_type"),
        ("/v1/chat/completions", {**CHAT, "n": 0}, 400, "invalid_value"),
        ("/v1/chat/completions", {**CHAT, "messages": [USER, CALLED, USER]}, 400, None),
        ("/v1/chat/completions", {**CHAT, "messages": [{"role": "tool", "tool_call_id": "c"}]}, 400, None),
        ("/v1/responses", {"model": GPT}, 400, "missing_required_parameter"),
        ("/v1/responses", {"model": "gpt-0", "input": "x"}, 400, "model_not_found"),
        ("/v1/responses", {"model": GPT, "input": "x", "temperature": 3}, 400, "decimal_above_max_value"),
        (
            "/v1/responses",
            {"model": GPT, "input": [{"type": "function_call_output", "call_id": "c"}]},
            400,
            None,
        ),
        ("/v1/embeddings", {"model": "text-embedding-3-small", "input": []}, 400, None),
        ("/v1/completions", {"model": "gpt-3.5-turbo-instruct"}, 400, "missing_required_parameter"),
        ("/v1/nowhere", {}, 404, None),
    ],
)
def test_openai_refuses(path: str, body: Any, status: int, code: str | None) -> None:
    reply = Stage().call(path, body)
    error = reply.json["error"]
    assert (reply.status, error["type"], error["code"]) == (status, "invalid_request_error", code)
    assert set(error) == {"message", "type", "param", "code"}
    assert reply.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "not valid JSON"),
        (without(MESSAGE, "max_tokens"), 400, "max_tokens: Field required"),
        (without(MESSAGE, "messages"), 400, "messages: Field required"),
        (without(MESSAGE, "model"), 400, "model: Field required"),
        ({**MESSAGE, "messages": []}, 400, "at least one message is required"),
        ({**MESSAGE, "messages": [{"role": "tool", "content": "x"}]}, 400, "messages.0.role"),
        ({**MESSAGE, "model": "claude-0"}, 404, "model: claude-0"),
        ({**MESSAGE, "messages": [USER, USED, USER]}, 400, "`tool_use` ids were found without"),
        ({**MESSAGE, "messages": [USER, USED, RESULT]}, 400, "`tool_use` ids were found without"),
        ({**MESSAGE, "messages": [RESULT]}, 400, "unexpected `tool_use_id`"),
        ({**MESSAGE, "thinking": {"type": "enabled", "budget_tokens": 10}}, 400, "1024"),
        (
            {**MESSAGE, "thinking": {"type": "enabled", "budget_tokens": 2000}},
            400,
            "`max_tokens` must be greater",
        ),
    ],
)
def test_anthropic_refuses(body: Any, status: int, message: str) -> None:
    reply = Stage().call("/v1/messages", body)
    kind = "not_found_error" if status == 404 else "invalid_request_error"
    assert (reply.status, reply.json["type"], reply.json["error"]["type"]) == (status, "error", kind)
    assert message in reply.json["error"]["message"]
    assert reply.json["request_id"] == reply.headers["request-id"]


def test_a_request_without_a_key_or_with_a_wrong_one_is_refused() -> None:
    stage = Stage(SimSettings(keys=("sk-right",)))
    missing = stage.chat(authorization="")
    wrong = stage.chat(authorization="Bearer sk-secret-wrong")
    assert (missing.status, missing.json["error"]["code"]) == (401, None)
    assert (wrong.status, wrong.json["error"]["code"]) == (401, "invalid_api_key")
    assert "secret" not in wrong.body.decode()
    assert stage.chat(authorization="Bearer sk-right").status == 200
    assert stage.message(x_api_key="").json["error"]["type"] == "authentication_error"
    assert stage.message(x_api_key="sk-right").status == 200
    assert Stage().chat(authorization="Bearer sk-refused").status == 401


def test_anthropic_wants_its_version() -> None:
    reply = Stage().message(anthropic_version="")
    assert (reply.status, "anthropic-version" in reply.json["error"]["message"]) == (400, True)


def test_unknown_fields_are_taken() -> None:
    stage = Stage()
    assert stage.chat(more={"x_new": 1}).status == 200
    assert stage.message(more={"x_new": 1}).status == 200


def test_a_wrong_method_is_told() -> None:
    stage = Stage()
    assert stage.call("/v1/chat/completions", method="GET").json["error"]["code"] == "method_not_supported"
    assert stage.call("/v1/messages", method="GET").status == 405


@pytest.mark.parametrize(
    ("status", "openai", "anthropic"),
    [
        (400, "invalid_request_error", "invalid_request_error"),
        (429, "requests", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (503, "server_error", "api_error"),
        (529, "server_error", "overloaded_error"),
        (418, "invalid_request_error", "api_error"),
    ],
)
def test_any_error_can_be_wished_for(status: int, openai: str, anthropic: str) -> None:
    stage = Stage()
    wish = {"x_sim_error": str(status), "x_sim_retry_after_seconds": "2.5", "x_sim_should_retry": "false"}
    chat, message = stage.chat(**wish), stage.message(**wish)
    assert (chat.status, chat.json["error"]["type"]) == (status, openai)
    assert (message.status, message.json["error"]["type"]) == (status, anthropic)
    assert (chat.headers["retry-after"], chat.headers["x-should-retry"]) == ("2.5", "false")


def test_a_header_that_is_not_known_or_not_allowed_is_refused_by_name() -> None:
    stage = Stage()
    unknown = stage.chat(x_sim_eror="500").json["error"]["message"]
    assert "did you mean x-sim-error?" in unknown
    assert (
        stage.message(x_sim_error="200")
        .json["error"]["message"]
        .startswith("x-sim-error: found '200'; allowed: a whole number from 400 to 599")
    )
    assert stage.chat(x_sim_cut="somewhere").status == 400


@pytest.mark.parametrize(
    ("header", "found", "allowed"),
    [
        ("x-sim-latency-ms", "soon", "a number from 0 to 3600000"),
        ("x-sim-cut", "nowhere", "body, headers, middle, terminator"),
        ("x-sim-input-tokens", "-1", "a whole number, 0 or more"),
        ("x-sim-extras", "perhaps", "true or false"),
        ("x-sim-fault-share", "2", "a number from 0 to 1"),
        ("x-sim-usage", "most", "given, none"),
    ],
)
def test_a_wish_that_cannot_be_says_what_was_found_and_what_is_allowed(
    header: str, found: str, allowed: str
) -> None:
    refused = Stage().chat(**{header.replace("-", "_"): found})
    assert refused.status == 400
    assert (
        refused.json["error"]["message"]
        == f"{header}: found '{found}'; allowed: {allowed} (simulated by turnpike sim)"
    )


def test_more_models_can_be_known() -> None:
    stage = Stage(SimSettings(models=("my-model",)))
    assert stage.chat(more={"model": "my-model"}).status == 200
    assert stage.message(more={"model": "my-model"}).status == 200
    assert stage.chat(more={"model": "sim-anything"}).status == 200
    assert Stage(SimSettings(models=("*",))).chat(more={"model": "gpt-0"}).status == 200


def test_tools_used_in_two_answers_in_a_row_are_one_turn() -> None:
    again = {"role": "assistant", "content": [{**USED["content"][0], "id": "toolu_2"}]}
    both = [{**RESULT["content"][0], "tool_use_id": name} for name in ("toolu_1", "toolu_2")]
    messages = [USER, USED, again, {"role": "user", "content": both}]
    assert Stage().message(more={"messages": messages}).status == 200
