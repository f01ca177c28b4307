"""What the simulated model says: decided from the request and the wishes alone."""

from __future__ import annotations

import re
from itertools import cycle, islice

import msgspec

from turnpike.sim.conversation import Asked, Finish, Said, Tool, ToolCall, Usage
from turnpike.sim.counting import split_tokens
from turnpike.sim.schema import Unsatisfiable, value_for
from turnpike.sim.steering import Steering

QUOTED_CHARACTERS = 120
FILLER = split_tokens(" This text is simulated by turnpike sim, word for word, and means nothing.")
REASONING = "This reasoning is simulated by turnpike sim: no model has thought about the question."
SAY = re.compile(r"^sim:say (.+)$", re.MULTILINE)
CALL = re.compile(r"^sim:call (\S+)(?: (\{.*\}))?$", re.MULTILINE)
PLACE = re.compile(r"(?<=[a-z,] )[A-Z][\w-]+")
WORD = re.compile(r"[A-Za-z][a-z]{2,}")


def compose(asked: Asked, steering: Steering) -> tuple[Said, ...]:
    """The answers to the request, as many as it has choices."""
    return tuple(_compose_one(asked, steering, choice) for choice in range(asked.choices))


def usage_of(asked: Asked, answers: tuple[Said, ...], steering: Steering) -> Usage:
    """What the provider says that the answers cost, as far as not fixed by the wishes."""
    counted = sum(said.output_tokens for said in answers)
    reasoned = sum(len(said.reasoning) for said in answers)
    given_in, given_out = steering.input_tokens, steering.output_tokens
    input_tokens = asked.input_tokens if given_in is None else given_in
    cached = min(steering.cached_tokens, input_tokens)
    output_tokens = counted if given_out is None else given_out
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=cached,
        cache_write_tokens=min(steering.cache_write_tokens, input_tokens - cached),
        reasoning_tokens=min(reasoned, output_tokens),
    )


def _compose_one(asked: Asked, steering: Steering, choice: int) -> Said:
    reasoning = _reasoning(asked, steering)
    calls = _tool_calls(asked, steering)
    text = () if calls else split_tokens(_text(asked, steering, choice))
    if steering.answer_tokens is not None and not calls and asked.output_schema is None:
        text = tuple(islice((*text, *islice(cycle(FILLER), steering.answer_tokens)), steering.answer_tokens))
    said = Said(reasoning, text, calls, "tool_calls" if calls else "stop")
    said = _within_maximum(_stopped(said, asked.stop), asked.max_output_tokens)
    return said if steering.finish is None else msgspec.structs.replace(said, finish=steering.finish)


def _reasoning(asked: Asked, steering: Steering) -> tuple[str, ...]:
    wanted = steering.reasoning_tokens
    if not asked.reasoning and not wanted:
        return ()
    text = split_tokens(REASONING)
    return text if wanted is None else tuple(islice(cycle(text), wanted))


def _tool_calls(asked: Asked, steering: Steering) -> tuple[ToolCall, ...]:
    if not asked.tools or asked.tool_choice == "none" or steering.tool == "none":
        return ()
    by_name = {tool.name: tool for tool in asked.tools}
    if steering.tool in by_name:
        return (_call(by_name[steering.tool], asked.prompt, steering.tool_arguments),)
    if asked.tool_results:
        return ()
    told = [match for match in CALL.finditer(asked.prompt) if match[1] in by_name]
    if told:
        return tuple(_call(by_name[match[1]], asked.prompt, match[2]) for match in told)
    wanted = _wanted_tools(asked, by_name)
    return tuple(_call(tool, asked.prompt, steering.tool_arguments) for tool in wanted)


def _wanted_tools(asked: Asked, by_name: dict[str, Tool]) -> list[Tool]:
    if asked.tool_choice.startswith("="):
        return [by_name[asked.tool_choice[1:]]]
    words = {word.lower() for word in WORD.findall(asked.prompt)}
    wanted = [tool for tool in asked.tools if _is_meant(tool.name, asked.prompt, words)]
    if asked.tool_choice == "required" and not wanted:
        wanted = [asked.tools[0]]
    return wanted if asked.parallel_tools else wanted[:1]


def _is_meant(name: str, prompt: str, words: set[str]) -> bool:
    """Whether the prompt names the tool, or says the last word of its name (get_weather)."""
    parts = [part.lower() for part in re.findall(r"[A-Z]?[a-z]+", name)]
    return name in prompt or bool(parts and len(parts[-1]) > 3 and parts[-1] in words)


def _call(tool: Tool, prompt: str, arguments: str | None) -> ToolCall:
    if arguments is None:
        place = PLACE.search(prompt)
        arguments = _json_for(tool.schema, place[0] if place else "simulated")
    return ToolCall(tool.name, split_tokens(arguments))


def _text(asked: Asked, steering: Steering, choice: int) -> str:
    if steering.answer is not None:
        return steering.answer
    if asked.output_schema is not None:
        return _json_for(asked.output_schema, "simulated")
    told = SAY.search(asked.prompt)
    if told:
        return told[1]
    which = f", choice {choice + 1}" if asked.choices > 1 else ""
    if asked.tool_results:
        results = "”, “".join(result[:QUOTED_CHARACTERS] for result in asked.tool_results)
        return f"This is a simulated answer of turnpike sim{which}. The tools gave “{results}”."
    return (
        f"This is a simulated answer of turnpike sim{which}. You said “{asked.prompt[:QUOTED_CHARACTERS]}”."
    )


def _json_for(schema: object, text: str) -> str:
    """JSON text that the schema allows; an empty object where nothing could be found."""
    try:
        value = value_for(schema, text)
    except Unsatisfiable:
        value = {}
    return msgspec.json.encode(value).decode()


def _stopped(said: Said, stop: tuple[str, ...]) -> Said:
    text = "".join(said.text)
    found = [(text.index(mark), mark) for mark in stop if mark and mark in text]
    if not found:
        return said
    end, mark = min(found)
    return Said(said.reasoning, split_tokens(text[:end]), (), "stop_sequence", mark)


def _within_maximum(said: Said, maximum: int | None) -> Said:
    if maximum is None or said.output_tokens <= maximum:
        return said
    left = maximum - len(said.reasoning)
    text = said.text[: max(0, left)]
    calls = []
    for call in said.tool_calls:
        left -= 1
        if left <= 0:
            break
        calls.append(ToolCall(call.name, call.arguments[:left]))
        left -= len(call.arguments)
    finish: Finish = "length"
    return Said(said.reasoning[:maximum], text, tuple(calls), finish)
