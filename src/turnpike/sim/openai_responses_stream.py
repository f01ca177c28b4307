"""OpenAI's responses as events: created, each item from its start to its end, completed."""

from __future__ import annotations

from collections.abc import Sequence

from turnpike.sim.conversation import Said
from turnpike.sim.plan import Event
from turnpike.sim.read import Object
from turnpike.sim.sse import named_event


def response_events(value: Object, waiting: Object, said: Said) -> list[Event]:
    """The events of a streamed response; `waiting` is what it looks like before it has begun."""
    script = _Script()
    script.add({"type": "response.created", "response": waiting})
    if waiting["status"] == "queued":
        script.add({"type": "response.queued", "response": waiting})
    script.add({"type": "response.in_progress", "response": {**waiting, "status": "in_progress"}})
    calls = iter(said.tool_calls)
    for index, item in enumerate(value["output"]):
        match item["type"]:
            case "reasoning":
                _add_reasoning(script, index, item, said.reasoning)
            case "message":
                _add_message(script, index, item, said.text)
            case _:
                _add_call(script, index, item, next(calls).arguments)
    if "x_sim_unknown" in value:
        script.add({"type": "response.x_sim_unknown", "simulated": True})
    script.add({"type": f"response.{value['status']}", "response": value})
    return script.events


class _Script:
    """The events written so far; each carries its number."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, value: Object, tokens: int = 0) -> None:
        """Write one event, of so many output tokens."""
        self.events.append(Event(named_event({**value, "sequence_number": len(self.events)}), tokens))

    def add_texts(self, value: Object, tokens: Sequence[str]) -> None:
        """Write one event for each token, as its `delta`, padded as the provider pads it."""
        pad = "SimulatedPadding"
        for number, token in enumerate(tokens):
            self.add({**value, "delta": token, "obfuscation": pad[number * 5 % 11 :]}, 1)


def _add_reasoning(script: _Script, index: int, item: Object, tokens: Sequence[str]) -> None:
    script.add({"type": "response.output_item.added", "item": {**item, "summary": []}, "output_index": index})
    if item["summary"]:
        place = {"item_id": item["id"], "output_index": index, "summary_index": 0}
        part = item["summary"][0]
        added = {"type": "response.reasoning_summary_part.added", **place, "part": {**part, "text": ""}}
        script.add(added)
        script.add_texts({"type": "response.reasoning_summary_text.delta", **place}, tokens)
        script.add({"type": "response.reasoning_summary_text.done", **place, "text": part["text"]})
        script.add({"type": "response.reasoning_summary_part.done", **place, "part": part})
    unshown = 0 if item["summary"] else len(tokens)
    script.add({"type": "response.output_item.done", "item": item, "output_index": index}, unshown)


def _add_message(script: _Script, index: int, item: Object, tokens: Sequence[str]) -> None:
    opening = {**item, "content": [], "status": "in_progress"}
    script.add({"type": "response.output_item.added", "item": opening, "output_index": index})
    place = {"item_id": item["id"], "output_index": index, "content_index": 0}
    part = item["content"][0]
    refused = part["type"] == "refusal"
    name, field = ("refusal", "refusal") if refused else ("output_text", "text")
    extra: Object = {} if refused else {"logprobs": []}
    script.add({"type": "response.content_part.added", **place, "part": {**part, field: ""}})
    script.add_texts({"type": f"response.{name}.delta", **place, **extra}, tokens)
    script.add({"type": f"response.{name}.done", **place, **extra, field: part[field]})
    script.add({"type": "response.content_part.done", **place, "part": part})
    script.add({"type": "response.output_item.done", "item": item, "output_index": index})


def _add_call(script: _Script, index: int, item: Object, tokens: Sequence[str]) -> None:
    opening = {**item, "arguments": "", "status": "in_progress"}
    script.add({"type": "response.output_item.added", "item": opening, "output_index": index}, 1)
    place = {"item_id": item["id"], "output_index": index}
    script.add_texts({"type": "response.function_call_arguments.delta", **place}, tokens)
    done = {"type": "response.function_call_arguments.done", **place, "arguments": item["arguments"]}
    script.add(done)
    script.add({"type": "response.output_item.done", "item": item, "output_index": index})
