"""Anthropic's messages and its count of tokens, as recorded conversations show them."""

from __future__ import annotations

from typing import Any

import msgspec

from turnpike.sim.anthropic_checks import check_messages, check_thinking
from turnpike.sim.anthropic_stream import message_events, stop_reason, tool_use_id, usage_value
from turnpike.sim.author import compose, usage_of
from turnpike.sim.catalogue import find_model
from turnpike.sim.conversation import Asked, Said, Tool, Usage
from turnpike.sim.counting import count_input
from turnpike.sim.inquiry import Inquiry, charge_for
from turnpike.sim.plan import Answer
from turnpike.sim.read import Object, count_of, objects_of, read_object, text_of, texts_of
from turnpike.sim.refusals import Refused
from turnpike.sim.seals import sign
from turnpike.sim.shapes import check_anthropic

TOKENS_PER_MESSAGE = 3


def answer_messages(inquiry: Inquiry) -> Answer:
    """The message, whole or streamed as asked; raises Refused as the provider would."""
    body = _read_body(inquiry.body)
    if count_of(body.get("max_tokens")) is None:
        raise Refused(400, "max_tokens: Field required")
    asked = _read(inquiry, body)
    said = compose(asked, inquiry.steering)[0]
    usage = usage_of(asked, (said,), inquiry.steering)
    charge = charge_for(asked, usage)
    hidden = (body.get("thinking") or {}).get("display") == "omitted"
    if body.get("stream") is True:
        return inquiry.streamed(message_events(inquiry, asked, said, usage, hidden), charge)
    return inquiry.whole(msgspec.json.encode(_message(inquiry, asked, said, usage, hidden)), charge)


def answer_count_tokens(inquiry: Inquiry) -> Answer:
    """The input tokens that the same request would be billed; nothing is billed for asking."""
    asked = _read(inquiry, _read_body(inquiry.body))
    given = inquiry.steering.input_tokens
    tokens = asked.input_tokens if given is None else given
    return inquiry.whole(msgspec.json.encode({"input_tokens": tokens}), None)


def _read_body(body: bytes) -> Object:
    return read_object(body, "The request body is not valid JSON: expected an object")


def _read(inquiry: Inquiry, body: Object) -> Asked:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Refused(400, "model: Field required")
    check_anthropic(body)
    messages = check_messages(body)
    check_thinking(body)
    if find_model(model, "anthropic", inquiry.extra_models) is None:
        raise Refused(404, f"model: {model}")
    tools = tuple(
        Tool(str(tool.get("name")), tool["input_schema"])
        for tool in objects_of(body.get("tools"))
        if "input_schema" in tool
    )
    choice = body.get("tool_choice")
    choice = choice if isinstance(choice, dict) else {}
    users = [message for message in messages if message["role"] == "user"]
    counted = count_input([messages, body.get("system", []), body.get("tools", [])])
    return Asked(
        model=model,
        prompt=text_of(users[-1]["content"]) if users else "",
        input_tokens=counted + TOKENS_PER_MESSAGE * len(messages),
        tool_results=_tool_results(messages[-1]),
        tools=tools,
        tool_choice=_tool_choice(choice, tools),
        parallel_tools=choice.get("disable_parallel_tool_use") is not True,
        output_schema=_output_schema(body),
        reasoning=(body.get("thinking") or {}).get("type") in ("enabled", "adaptive"),
        max_output_tokens=count_of(body.get("max_tokens")),
        stop=texts_of(body.get("stop_sequences")),
    )


def _tool_results(last: Object) -> tuple[str, ...]:
    blocks = objects_of(last["content"])
    return tuple(text_of(block.get("content")) for block in blocks if block.get("type") == "tool_result")


def _tool_choice(choice: Object, tools: tuple[Tool, ...]) -> str:
    match choice.get("type"):
        case "any":
            return "required"
        case "none":
            return "none"
        case "tool":
            if choice.get("name") not in [tool.name for tool in tools]:
                raise Refused(
                    400, f"tool_choice.name: Tool '{choice.get('name')}' not found in provided tools"
                )
            return f"={choice['name']}"
        case _:
            return "auto"


def _output_schema(body: Object) -> Any:
    """The schema of `output_config.format`, or of its older form `output_format`."""
    config = body.get("output_config")
    format_ = config.get("format") if isinstance(config, dict) else None
    format_ = format_ or body.get("output_format")
    if not isinstance(format_, dict) or format_.get("type") != "json_schema":
        return None
    if not isinstance(format_.get("schema"), dict):
        raise Refused(400, "output_config.format.schema: Field required")
    return format_["schema"]


def _message(inquiry: Inquiry, asked: Asked, said: Said, usage: Usage, hidden: bool) -> Object:
    value: Object = {
        "model": asked.model,
        "id": f"msg_01Sim{inquiry.source.alphanumeric('id', 19)}",
        "type": "message",
        "role": "assistant",
        "content": _content(inquiry, said, hidden),
        "stop_reason": stop_reason(said),
        "stop_sequence": said.stop_sequence,
        "stop_details": None,
        "usage": usage_value(usage),
    }
    if inquiry.steering.usage == "none":
        del value["usage"]
    if inquiry.steering.extras:
        value["x_sim_unknown"] = {"simulated": True}
    return value


def _content(inquiry: Inquiry, said: Said, hidden: bool) -> list[Object]:
    content: list[Object] = []
    if said.reasoning:
        thinking = "" if hidden else "".join(said.reasoning)
        content.append({"type": "thinking", "thinking": thinking, "signature": sign(thinking)})
    if said.text or not said.tool_calls:
        content.append({"type": "text", "text": "".join(said.text)})
    for number, call in enumerate(said.tool_calls):
        content.append(
            {
                "type": "tool_use",
                "id": tool_use_id(inquiry, number),
                "name": call.name,
                "input": _input("".join(call.arguments)),
                "caller": {"type": "direct"},
            }
        )
    return content


def _input(arguments: str) -> Any:
    """The arguments as a value; an empty object where the maximum has cut them."""
    try:
        return msgspec.json.decode(arguments)
    except msgspec.DecodeError:
        return {}
