"""Reading the input of OpenAI's responses: texts, messages, tool calls and their results."""

from __future__ import annotations

from typing import Any

from turnpike.sim.catalogue import Model
from turnpike.sim.conversation import Asked, Tool
from turnpike.sim.counting import count_input
from turnpike.sim.inquiry import Inquiry
from turnpike.sim.openai_checks import check_range
from turnpike.sim.openai_stored import ResponseStore, Stored
from turnpike.sim.read import Object, count_of, objects_of, text_of
from turnpike.sim.refusals import Refused, missing_parameter
from turnpike.sim.seals import is_sealed
from turnpike.sim.shapes import Response, check_openai

TOKENS_PER_MESSAGE = 3


def read_response_request(inquiry: Inquiry, body: Object, store: ResponseStore) -> Asked:
    """What the request asks for; raises Refused as the provider would."""
    model = _model(inquiry, body)
    check_openai(body, Response)
    if body.get("input") is None:
        raise missing_parameter("input")
    check_range(body, "temperature", 2)
    check_range(body, "top_p", 1)
    items = _items(body["input"])
    previous = _previous(body, store)
    _check_sealed(items)
    if body.get("conversation") is None:
        _check_tool_results(items, previous)
    tools = _tools(body)
    counted = count_input([items, body.get("instructions") or "", body.get("tools", [])])
    return Asked(
        model=model.name,
        prompt=_prompt(items),
        input_tokens=counted + TOKENS_PER_MESSAGE * len(items) + (previous.input_tokens if previous else 0),
        tool_results=_tool_results(items),
        tools=tools,
        tool_choice=_tool_choice(body.get("tool_choice"), tools),
        parallel_tools=body.get("parallel_tool_calls") is not False,
        output_schema=_output_schema(body),
        reasoning=_reasons(body.get("reasoning")),
        max_output_tokens=count_of(body.get("max_output_tokens")),
    )


def _model(inquiry: Inquiry, body: Object) -> Model:
    """The model; this surface has its own words, and status, for one that it does not know."""
    try:
        return inquiry.openai_model(body.get("model"), "chat")
    except Refused as refused:
        if refused.code != "model_not_found":
            raise
        message = f"The requested model '{body['model']}' does not exist."
        raise Refused(400, message, code="model_not_found", param="model") from None


def input_items(inquiry: Inquiry, body: Object) -> list[Object]:
    """The input as the provider lists it afterwards: each item with an id, texts as parts."""
    listed = []
    for number, item in enumerate(_items(body["input"])):
        kind = item.get("type", "message")
        prefix = {"message": "msg", "function_call": "fc", "function_call_output": "fc"}.get(kind, "item")
        whole = {"id": f"{prefix}_{inquiry.source.hexadecimal(f'input {number}', 50)}", **item, "type": kind}
        if kind == "message":
            whole["status"] = "completed"
            if isinstance(whole.get("content"), str):
                part = "output_text" if whole.get("role") == "assistant" else "input_text"
                whole["content"] = [{"type": part, "text": whole["content"]}]
        listed.append(whole)
    return listed


def _items(value: Any) -> list[Object]:
    if isinstance(value, str):
        return [{"role": "user", "content": value}]
    if not isinstance(value, list):
        raise Refused(400, "Invalid type for 'input': expected a string or an array.", param="input")
    return objects_of(value)


def _previous(body: Object, store: ResponseStore) -> Stored | None:
    name = body.get("previous_response_id")
    if name is None:
        return None
    found = store.find(str(name))
    if found is None:
        raise Refused(
            400,
            f"Previous response with id '{name}' not found.",
            code="previous_response_not_found",
            param="previous_response_id",
        )
    return found


def _check_sealed(items: list[Object]) -> None:
    for item in items:
        sealed = item.get("encrypted_content")
        if item.get("type") == "reasoning" and sealed and not is_sealed(str(sealed)):
            raise Refused(
                400,
                f"The encrypted content for item {item.get('id')} could not be verified.",
                code="invalid_encrypted_content",
            )


def _check_tool_results(items: list[Object], previous: Stored | None) -> None:
    known = [*(previous.value["output"] if previous else []), *items]
    called = [item.get("call_id") for item in known if item.get("type") == "function_call"]
    callable_ids = [item.get("call_id") for item in known if str(item.get("type")).endswith("_call")]
    answered = [item.get("call_id") for item in items if item.get("type") == "function_call_output"]
    for name in answered:
        if name not in callable_ids:
            raise Refused(
                400, f"No tool call found for function call output with call_id {name}.", param="input"
            )
    for name in called:
        if name not in answered:
            raise Refused(400, f"No tool output found for function call {name}.", param="input")


def _prompt(items: list[Object]) -> str:
    users = [item for item in items if item.get("role") == "user"]
    return text_of(users[-1].get("content")) if users else ""


def _tool_results(items: list[Object]) -> tuple[str, ...]:
    results: list[str] = []
    for item in reversed(items):
        if item.get("type") != "function_call_output":
            break
        results.insert(0, text_of(item.get("output")))
    return tuple(results)


def _tools(body: Object) -> tuple[Tool, ...]:
    functions = [tool for tool in objects_of(body.get("tools")) if tool.get("type") == "function"]
    return tuple(
        Tool(str(function.get("name")), function.get("parameters") or {"type": "object"})
        for function in functions
    )


def _tool_choice(choice: Any, tools: tuple[Tool, ...]) -> str:
    if isinstance(choice, dict) and choice.get("type") == "function":
        if choice.get("name") not in [tool.name for tool in tools]:
            raise Refused(
                400,
                f"Tool choice '{choice.get('name')}' not found in 'tools' parameter.",
                param="tool_choice",
            )
        return f"={choice['name']}"
    return choice if choice in ("none", "required") else "auto"


def _output_schema(body: Object) -> Any:
    text = body.get("text")
    format_ = text.get("format") if isinstance(text, dict) else None
    format_ = format_ if isinstance(format_, dict) else {}
    if format_.get("type") == "json_schema":
        if not isinstance(format_.get("schema"), dict):
            raise missing_parameter("text.format.schema")
        return format_["schema"]
    if format_.get("type") == "json_object":
        return {"type": "object", "properties": {"simulated": {"type": "string"}}}
    return None


def _reasons(wishes: Any) -> bool:
    if not isinstance(wishes, dict):
        return False
    return wishes.get("effort") not in (None, "none") or wishes.get("summary") is not None
