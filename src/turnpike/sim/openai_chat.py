"""OpenAI's chat completions, as recorded conversations show them."""

from __future__ import annotations

from typing import Any

import msgspec

from turnpike.sim.author import compose, usage_of
from turnpike.sim.conversation import Asked, Said, Tool, ToolCall, Usage
from turnpike.sim.counting import count_input
from turnpike.sim.inquiry import FINGERPRINT, Inquiry, charge_for
from turnpike.sim.openai_chat_stream import chat_events, finish_reason, logprob, usage_value
from turnpike.sim.openai_checks import check_range, read_body, read_choices
from turnpike.sim.plan import Answer
from turnpike.sim.read import Object, count_of, objects_of, text_of, texts_of
from turnpike.sim.refusals import Refused, missing_parameter
from turnpike.sim.shapes import Chat, check_openai

TOKENS_PER_MESSAGE = 3


def answer_chat(inquiry: Inquiry) -> Answer:
    """The completion, whole or streamed as asked; raises Refused as the provider would."""
    body = read_body(inquiry.body)
    asked = _read(inquiry, body)
    answers = compose(asked, inquiry.steering)
    usage = usage_of(asked, answers, inquiry.steering)
    if body.get("stream") is True:
        return inquiry.streamed(chat_events(inquiry, body, answers, usage), charge_for(asked, usage))
    value = _completion(inquiry, body, answers, usage)
    return inquiry.whole(msgspec.json.encode(value), charge_for(asked, usage))


def _read(inquiry: Inquiry, body: Object) -> Asked:
    model = inquiry.openai_model(body.get("model"), "chat")
    check_openai(body, Chat)
    messages = _messages(body)
    check_range(body, "temperature", 2)
    check_range(body, "top_p", 1)
    tools = _tools(body)
    format_ = body.get("response_format")
    format_ = format_ if isinstance(format_, dict) else {}
    users = [message for message in messages if message.get("role") == "user"]
    maximum = count_of(body.get("max_completion_tokens")) or count_of(body.get("max_tokens"))
    return Asked(
        model=model.name,
        prompt=text_of(users[-1].get("content")) if users else "",
        input_tokens=count_input([messages, body.get("tools", [])]) + TOKENS_PER_MESSAGE * len(messages),
        tool_results=_tool_results(messages),
        tools=tools,
        tool_choice=_tool_choice(body.get("tool_choice"), tools),
        parallel_tools=body.get("parallel_tool_calls") is not False,
        output_schema=_output_schema(format_),
        reasoning=body.get("reasoning_effort") not in (None, "none"),
        max_output_tokens=maximum,
        stop=texts_of(body.get("stop")),
        choices=read_choices(body),
    )


def _messages(body: Object) -> list[Object]:
    if "messages" not in body:
        raise missing_parameter("messages")
    messages = objects_of(body["messages"])
    if not messages:
        raise Refused(
            400,
            "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty "
            "array instead.",
            code="empty_array",
            param="messages",
        )
    for index, message in enumerate(messages):
        if message.get("role") not in ("system", "developer", "user", "assistant", "tool", "function"):
            raise Refused(
                400,
                f"Invalid value: '{message.get('role')}'. Supported values are: 'system', 'assistant', "
                "'user', 'function', 'tool', and 'developer'.",
                code="invalid_value",
                param=f"messages[{index}].role",
            )
    _check_tool_results(messages)
    return messages


def _check_tool_results(messages: list[Object]) -> None:
    """Every tool call of an answer must be followed by its result, at once."""
    open_ids: list[str] = []
    for index, message in enumerate([*messages, {"role": "user"}]):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_ids:
                raise Refused(
                    400,
                    "Invalid parameter: messages with role 'tool' must be a response to a preceding message "
                    "with 'tool_calls'.",
                    param=f"messages.[{index}].role",
                )
            open_ids.remove(message["tool_call_id"])
            continue
        if open_ids:
            raise Refused(
                400,
                "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
                "'tool_call_id'. The following tool_call_ids did not have response messages: "
                + ", ".join(open_ids),
                param=f"messages.[{index}].role",
            )
        open_ids = [str(call.get("id")) for call in objects_of(message.get("tool_calls"))]


def _tool_results(messages: list[Object]) -> tuple[str, ...]:
    results: list[str] = []
    for message in reversed(messages):
        if message["role"] not in ("tool", "function"):
            break
        results.insert(0, text_of(message.get("content")))
    return tuple(results)


def _tools(body: Object) -> tuple[Tool, ...]:
    functions = [
        tool["function"] for tool in objects_of(body.get("tools")) if isinstance(tool.get("function"), dict)
    ]
    return tuple(
        Tool(str(function.get("name")), function.get("parameters") or {"type": "object"})
        for function in functions
    )


def _tool_choice(choice: Any, tools: tuple[Tool, ...]) -> str:
    if isinstance(choice, dict):
        name = (choice.get("function") or {}).get("name")
        if name not in [tool.name for tool in tools]:
            raise Refused(400, f"Tool choice '{name}' not found in 'tools' parameter.", param="tool_choice")
        return f"={name}"
    return choice if choice in ("none", "required") else "auto"


def _output_schema(format_: Object) -> Any:
    if format_.get("type") == "json_schema":
        schema = (format_.get("json_schema") or {}).get("schema")
        if schema is None:
            raise missing_parameter("response_format.json_schema")
        return schema
    if format_.get("type") == "json_object":
        return {"type": "object", "properties": {"simulated": {"type": "string"}}}
    return None


def _completion(inquiry: Inquiry, body: Object, answers: tuple[Said, ...], usage: Usage) -> Object:
    value: Object = {
        "id": f"chatcmpl-Sim{inquiry.source.alphanumeric('id', 26)}",
        "object": "chat.completion",
        "created": inquiry.created_seconds,
        "model": body["model"],
        "choices": [_choice(inquiry, body, said, index) for index, said in enumerate(answers)],
        "usage": usage_value(usage),
        "service_tier": "default",
        "system_fingerprint": FINGERPRINT,
    }
    if inquiry.steering.usage == "none":
        del value["usage"]
    if inquiry.steering.extras:
        value["x_sim_unknown"] = {"simulated": True}
    return value


def _choice(inquiry: Inquiry, body: Object, said: Said, index: int) -> Object:
    refused = said.finish == "refusal"
    text = "".join(said.text)
    message: Object = {
        "role": "assistant",
        "content": text if text and not refused else None if said.tool_calls or refused else "",
        "refusal": text if refused else None,
        "annotations": [],
    }
    if said.tool_calls:
        message["tool_calls"] = [
            _tool_call(inquiry, call, index, number) for number, call in enumerate(said.tool_calls)
        ]
    return {
        "index": index,
        "message": message,
        "logprobs": {"content": [logprob(token) for token in said.text], "refusal": None}
        if body.get("logprobs") is True
        else None,
        "finish_reason": finish_reason(said),
    }


def _tool_call(inquiry: Inquiry, call: ToolCall, choice: int, number: int) -> Object:
    return {
        "id": f"call_Sim{inquiry.source.alphanumeric(f'call {choice} {number}', 21)}",
        "type": "function",
        "function": {"name": call.name, "arguments": "".join(call.arguments)},
    }
