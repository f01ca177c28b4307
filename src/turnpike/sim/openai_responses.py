"""OpenAI's responses, as recorded conversations show them."""

from __future__ import annotations

import msgspec

from turnpike.sim.author import compose, usage_of
from turnpike.sim.conversation import Said, Usage
from turnpike.sim.counting import count_input
from turnpike.sim.inquiry import Inquiry, charge_for
from turnpike.sim.openai_checks import read_body
from turnpike.sim.openai_responses_input import input_items, read_response_request
from turnpike.sim.openai_responses_stream import response_events
from turnpike.sim.openai_stored import ResponseStore, Stored, billed
from turnpike.sim.plan import Answer
from turnpike.sim.read import Object, objects_of
from turnpike.sim.seals import seal

UNFINISHED = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Made(msgspec.Struct, frozen=True):
    """An answer, and what the provider keeps of it (None where it was told to keep nothing)."""

    answer: Answer
    stored: Stored | None


def make_response(inquiry: Inquiry, store: ResponseStore) -> Made:
    """The response, whole or streamed as asked; raises Refused as the provider would."""
    body = read_body(inquiry.body)
    asked = read_response_request(inquiry, body, store)
    said = compose(asked, inquiry.steering)[0]
    usage = usage_of(asked, (said,), inquiry.steering)
    value = _response(inquiry, body, said, usage)
    background = body.get("background") is True
    waiting = _waiting(value, "queued" if background else "in_progress")
    streams = body.get("stream") is True
    events = response_events(value, waiting, said) if streams else []
    kept = Stored(
        value=value,
        waiting=_waiting(value, "in_progress"),
        items=tuple(input_items(inquiry, body)),
        input_tokens=asked.input_tokens,
        events=tuple(events) if background else (),
    )
    charge = charge_for(asked, usage)
    if streams:
        answer: Answer = inquiry.streamed(events, charge)
    else:
        answer = inquiry.whole(msgspec.json.encode(waiting if background else billed(value)), charge)
    return Made(answer, kept if background or body.get("store") is not False else None)


def answer_input_tokens(inquiry: Inquiry) -> Answer:
    """The input tokens of a request that is not made."""
    body = read_body(inquiry.body)
    counted = count_input([body.get("input", []), body.get("instructions") or "", body.get("tools", [])])
    value = {"object": "response.input_tokens", "input_tokens": counted}
    return inquiry.whole(msgspec.json.encode(value), None)


def _response(inquiry: Inquiry, body: Object, said: Said, usage: Usage) -> Object:
    reason = UNFINISHED.get(said.finish)
    status = "incomplete" if reason else "completed"
    value = {
        **_echo(inquiry, body),
        "status": status,
        "completed_at": None if reason else inquiry.created_seconds,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "output": _output(inquiry, body, said, status),
        "usage": None if inquiry.steering.usage == "none" else _usage_value(usage),
    }
    if inquiry.steering.extras:
        value["x_sim_unknown"] = {"simulated": True}
    return value


def _waiting(value: Object, status: str) -> Object:
    """The same response before anything of it is there."""
    return {
        **value,
        "status": status,
        "completed_at": None,
        "incomplete_details": None,
        "output": [],
        "usage": None,
    }


def _echo(inquiry: Inquiry, body: Object) -> Object:
    """The request's own settings, with the provider's defaults where it named none."""
    text = body.get("text") if isinstance(body.get("text"), dict) else {}
    reasoning = body.get("reasoning") if isinstance(body.get("reasoning"), dict) else {}
    defaults: Object = {
        "background": False,
        "frequency_penalty": 0.0,
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {},
        "model": None,
        "parallel_tool_calls": True,
        "presence_penalty": 0.0,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "prompt_cache_retention": None,
        "safety_identifier": None,
        "store": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "user": None,
    }
    told = {name: body.get(name) if body.get(name) is not None else usual for name, usual in defaults.items()}
    return {
        "id": f"resp_{inquiry.source.hexadecimal('id', 50)}",
        "object": "response",
        "created_at": inquiry.created_seconds,
        **told,
        "reasoning": {"effort": None, "summary": None, **(reasoning or {})},
        "service_tier": "default",
        "text": {"format": {"type": "text"}, "verbosity": "medium", **(text or {})},
        "tools": [_tool(tool) for tool in objects_of(body.get("tools"))],
    }


def _tool(tool: Object) -> Object:
    return {"description": None, "strict": True, **tool} if tool.get("type") == "function" else tool


def _output(inquiry: Inquiry, body: Object, said: Said, status: str) -> list[Object]:
    items: list[Object] = []
    if said.reasoning:
        items.append(_reasoning_item(inquiry, body, "".join(said.reasoning)))
    if said.text or not said.tool_calls:
        text = "".join(said.text)
        part: Object = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
        if said.finish == "refusal":
            part = {"type": "refusal", "refusal": text}
        items.append(
            {
                "id": f"msg_{inquiry.source.hexadecimal('message', 50)}",
                "type": "message",
                "status": status,
                "content": [part],
                "role": "assistant",
            }
        )
    for number, call in enumerate(said.tool_calls):
        items.append(
            {
                "id": f"fc_{inquiry.source.hexadecimal(f'call item {number}', 50)}",
                "type": "function_call",
                "status": status,
                "arguments": "".join(call.arguments),
                "call_id": f"call_Sim{inquiry.source.alphanumeric(f'call {number}', 21)}",
                "name": call.name,
            }
        )
    return items


def _reasoning_item(inquiry: Inquiry, body: Object, text: str) -> Object:
    wishes = body.get("reasoning")
    summary = wishes.get("summary") if isinstance(wishes, dict) else None
    item: Object = {
        "id": f"rs_{inquiry.source.hexadecimal('reasoning', 50)}",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text}] if summary else [],
    }
    if "reasoning.encrypted_content" in (body.get("include") or ()):
        item["encrypted_content"] = seal(text)
    return item


def _usage_value(usage: Usage) -> Object:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cache_write_tokens": usage.cache_write_tokens,
            "cached_tokens": usage.cached_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
