"""Anthropic's messages as events: start, blocks one after another, delta, stop."""

from __future__ import annotations

from turnpike.sim.conversation import Asked, Said, ToolCall, Usage
from turnpike.sim.inquiry import Inquiry
from turnpike.sim.plan import Event
from turnpike.sim.read import Object
from turnpike.sim.seals import sign
from turnpike.sim.sse import padded_event

PING = b'event: ping\ndata: {"type": "ping"}\n\n'

REASONS = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "refusal": "refusal",
    "content_filter": "refusal",
    "length": "max_tokens",
    "tool_calls": "tool_use",
}


def message_events(inquiry: Inquiry, asked: Asked, said: Said, usage: Usage, hidden: bool) -> list[Event]:
    """The events of a streamed message; `hidden` thinking is signed but not shown."""
    script = _Script()
    script.add(_start(inquiry, asked.model, usage))
    if said.reasoning:
        shown = () if hidden else said.reasoning
        script.add_block(
            {"type": "thinking", "thinking": "", "signature": ""},
            [
                *({"type": "thinking_delta", "thinking": token} for token in shown),
                {"type": "signature_delta", "signature": sign("".join(shown))},
            ],
            tokens=len(said.reasoning),
        )
    if said.text or not said.tool_calls:
        deltas: list[Object] = [{"type": "text_delta", "text": token} for token in said.text]
        script.add_block({"type": "text", "text": ""}, deltas, tokens=len(said.text))
    for number, call in enumerate(said.tool_calls):
        script.add_tool_use(tool_use_id(inquiry, number), call)
    if inquiry.steering.extras:
        script.add({"type": "x_sim_unknown", "simulated": True})
    script.add(_delta(inquiry, said, usage))
    script.add({"type": "message_stop"})
    return script.events


def stop_reason(said: Said) -> str:
    """Why the answer ended, in Anthropic's words."""
    return REASONS[said.finish]


def tool_use_id(inquiry: Inquiry, number: int) -> str:
    """The id of the answer's use of a tool."""
    return f"toolu_01Sim{inquiry.source.alphanumeric(f'call {number}', 19)}"


def usage_value(usage: Usage) -> Object:
    """Usage as a message has it: cached tokens stand beside the input, not inside it."""
    return {
        "input_tokens": usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        "service_tier": "standard",
        "inference_geo": "not_available",
    }


def _start(inquiry: Inquiry, model: str, usage: Usage) -> Object:
    begun = {**usage_value(usage), "output_tokens": min(1, usage.output_tokens)}
    del begun["output_tokens_details"]
    if inquiry.steering.usage == "none":
        begun = {}
    return {
        "type": "message_start",
        "message": {
            "model": model,
            "id": f"msg_01Sim{inquiry.source.alphanumeric('id', 19)}",
            "type": "message",
            "role": "assistant",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "stop_details": None,
            "usage": begun,
        },
    }


def _delta(inquiry: Inquiry, said: Said, usage: Usage) -> Object:
    whole = usage_value(usage)
    names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
    told = {name: whole[name] for name in names}
    if usage.reasoning_tokens:
        told["output_tokens_details"] = whole["output_tokens_details"]
    delta = {"stop_reason": stop_reason(said), "stop_sequence": said.stop_sequence, "stop_details": None}
    return {
        "type": "message_delta",
        "delta": delta,
        "usage": told if inquiry.steering.usage == "given" else {},
    }


class _Script:
    """The events written so far, and the number of the next block."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._block = 0

    def add(self, value: Object, tokens: int = 0) -> None:
        """Write one event, of so many output tokens."""
        self.events.append(Event(padded_event(value, len(self.events)), tokens))

    def add_block(self, opening: Object, deltas: list[Object], tokens: int) -> None:
        """Write a block: its tokens lie on its first deltas, one on each; the rest on its start."""
        on_start = max(0, tokens - len(deltas))
        self.add({"type": "content_block_start", "index": self._block, "content_block": opening}, on_start)
        if self._block == 0:
            self.events.append(Event(PING))
        for number, delta in enumerate(deltas):
            event = {"type": "content_block_delta", "index": self._block, "delta": delta}
            self.add(event, 1 if number < tokens - on_start else 0)
        self.add({"type": "content_block_stop", "index": self._block})
        self._block += 1

    def add_tool_use(self, use_id: str, call: ToolCall) -> None:
        """Write the use of a tool: an empty piece of JSON comes first, as the provider sends it."""
        opening: Object = {"type": "tool_use", "id": use_id, "name": call.name, "input": {}}
        opening["caller"] = {"type": "direct"}
        pieces = ("", *call.arguments)
        deltas: list[Object] = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        self.add_block(opening, deltas, tokens=len(pieces))
