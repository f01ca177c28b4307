"""OpenAI's chat completions as events: role, tokens, finish reason, usage, `[DONE]`."""

from __future__ import annotations

import math

from turnpike.sim.conversation import Said, Usage
from turnpike.sim.inquiry import FINGERPRINT, Inquiry
from turnpike.sim.plan import Event
from turnpike.sim.read import Object
from turnpike.sim.sse import DONE, data_event

REASONS = {
    "stop": "stop",
    "stop_sequence": "stop",
    "refusal": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


def chat_events(inquiry: Inquiry, body: Object, answers: tuple[Said, ...], usage: Usage) -> list[Event]:
    """The events of a streamed completion, terminator and all."""
    frame = _Frame(inquiry, body)
    events = []
    for index, said in enumerate(answers):
        events += frame.choice_events(index, said)
    options = body.get("stream_options")
    if (
        isinstance(options, dict)
        and options.get("include_usage") is True
        and inquiry.steering.usage == "given"
    ):
        events.append(Event(data_event(frame.chunk([], usage_value(usage)))))
    if inquiry.steering.extras:
        events.insert(1, Event(data_event({"object": "x_sim.unknown", "choices": [], "simulated": True})))
    return [*events, Event(DONE)]


def usage_value(usage: Usage) -> Object:
    """Usage as chat completions have it."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def finish_reason(said: Said) -> str:
    """Why the answer ended, in OpenAI's words."""
    return REASONS[said.finish]


class _Frame:
    """What all chunks of one stream have in common."""

    def __init__(self, inquiry: Inquiry, body: Object) -> None:
        options = body.get("stream_options")
        options = options if isinstance(options, dict) else {}
        self._source = inquiry.source
        self._pad = (
            inquiry.source.alphanumeric("pad", 64) if options.get("include_obfuscation") is not False else ""
        )
        self._logprobs = body.get("logprobs") is True
        self._with_usage = options.get("include_usage") is True
        self._count = 0
        self._head = {
            "id": f"chatcmpl-Sim{inquiry.source.alphanumeric('id', 26)}",
            "object": "chat.completion.chunk",
            "created": inquiry.created_seconds,
            "model": body["model"],
            "service_tier": "default",
            "system_fingerprint": FINGERPRINT,
        }

    def chunk(self, choices: list[Object], usage: Object | None) -> Object:
        """One chunk; its `usage` is null until the last where usage was asked for, else not there."""
        value: Object = {**self._head, "choices": choices}
        if self._with_usage:
            value["usage"] = usage
        if self._pad:
            self._count += 1
            start = self._count * 11 % 48
            value["obfuscation"] = self._pad[start : start + 3 + self._count * 5 % 13]
        return value

    def choice_events(self, index: int, said: Said) -> list[Event]:
        """The events of one choice, from its role to its finish reason."""
        content = None if said.tool_calls else ""
        opening: Object = {"role": "assistant", "content": content, "refusal": None}
        events = [self._delta(index, opening, tokens=len(said.reasoning))]
        field = "refusal" if said.finish == "refusal" else "content"
        events += [self._delta(index, {field: token}, tokens=1) for token in said.text]
        for number, call in enumerate(said.tool_calls):
            call_opening: Object = {
                "index": number,
                "id": f"call_Sim{self._source.alphanumeric(f'call {index} {number}', 21)}",
                "type": "function",
                "function": {"name": call.name, "arguments": ""},
            }
            events.append(self._delta(index, {"tool_calls": [call_opening]}, tokens=1))
            events += [
                self._delta(
                    index, {"tool_calls": [{"index": number, "function": {"arguments": token}}]}, tokens=1
                )
                for token in call.arguments
            ]
        events.append(self._delta(index, {}, finish=finish_reason(said)))
        return events

    def _delta(self, index: int, delta: Object, tokens: int = 0, finish: str | None = None) -> Event:
        token = delta.get("content")
        choice = {
            "index": index,
            "delta": delta,
            "logprobs": {"content": [logprob(token)], "refusal": None} if self._logprobs and token else None,
            "finish_reason": finish,
        }
        return Event(data_event(self.chunk([choice], None)), tokens)


def logprob(token: str) -> Object:
    """A token with its likelihood: every one a half, as the sim thinks of nothing else."""
    return {"token": token, "logprob": -math.log(2), "bytes": list(token.encode()), "top_logprobs": []}
