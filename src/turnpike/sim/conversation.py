"""What a request asks for and what is answered, in no dialect."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Finish = Literal["stop", "length", "tool_calls", "stop_sequence", "content_filter", "refusal"]


class Tool(msgspec.Struct, frozen=True):
    """A function that the caller offers, with the JSON Schema of its arguments."""

    name: str
    schema: Any


class Asked(msgspec.Struct, frozen=True):
    """One request, read.

    `prompt` is the text of the last user message; `tool_results` are those that came after
    the last answer. `tool_choice` is "auto", "none", "required" or "=NAME" for one tool.
    `output_schema` is None where any text may be answered.
    """

    model: str
    prompt: str
    input_tokens: int
    tool_results: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    parallel_tools: bool = True
    output_schema: Any = None
    reasoning: bool = False
    max_output_tokens: int | None = None
    stop: tuple[str, ...] = ()
    choices: int = 1


class ToolCall(msgspec.Struct, frozen=True):
    """A call of one tool; `arguments` are JSON text in tokens, cut where the maximum cut it."""

    name: str
    arguments: tuple[str, ...]


class Usage(msgspec.Struct, frozen=True):
    """Counts; `input_tokens` holds the cached and the written ones, `output_tokens` the reasoning."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0


class Said(msgspec.Struct, frozen=True):
    """One answer (one of `choices`): each text in tokens, in the order in which it comes."""

    reasoning: tuple[str, ...]
    text: tuple[str, ...]
    tool_calls: tuple[ToolCall, ...]
    finish: Finish
    stop_sequence: str | None = None

    @property
    def output_tokens(self) -> int:
        """Tokens put out for this answer, one for the name of each tool."""
        arguments = sum(1 + len(call.arguments) for call in self.tool_calls)
        return len(self.reasoning) + len(self.text) + arguments
