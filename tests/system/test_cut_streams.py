"""A stream that was cut never looks like one that ended: the dialect's own terminator says that it is whole."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import msgspec
import openai
import pytest

from tests.system.road import CHAT, HELLO, KEY, MESSAGES, Road
from tests.system.upstream import CASE, LAST_CHUNK, Exchange, chunk, head

EVENTS = {
    "chat": (
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}\n\n',
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"lo"}}]}\n\n',
        b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
    ),
    "responses": (
        b'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1,"status":"in_progress","model":"m","output":[]}}\n\n',
        b'event: response.output_item.added\ndata: {"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"i","type":"message","role":"assistant","status":"in_progress","content":[]}}\n\n',
        b'event: response.content_part.added\ndata: {"type":"response.content_part.added","sequence_number":2,"item_id":"i","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}\n\n',
        b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":1,"item_id":"i","output_index":0,"content_index":0,"delta":"Hello","logprobs":[]}\n\n',
    ),
    "messages": (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"m","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}}\n\n',
        b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n',
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}\n\n',
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}}\n\n',
    ),
}  # fmt: skip
TERMINATORS = {
    "chat": b"data: [DONE]\n\n",
    "responses": b'event: response.completed\ndata: {"type":"response.completed","sequence_number":2,"response":{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[]}}\n\n',
    "messages": b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
}
DIALECTS = tuple(EVENTS)
PATHS = {"chat": CHAT, "responses": "/v1/responses", "messages": MESSAGES}
BODIES: dict[str, dict[str, Any]] = {
    "chat": {"model": "silent-gpt", "messages": HELLO, "stream": True},
    "responses": {"model": "silent-gpt", "input": "Hello", "stream": True},
    "messages": {"model": "silent-claude", "messages": HELLO, "max_tokens": 9, "stream": True},
}
PAGE = b"<html><body>Bad gateway</body></html>"
Part = Callable[[Exchange], None]


def events_then(dialect: str, end: Part) -> Part:
    def part(exchange: Exchange) -> None:
        exchange.stream(*EVENTS[dialect])
        end(exchange)

    return part


def until_closed(dialect: str, tail: bytes = b"") -> Part:
    def part(exchange: Exchange) -> None:
        lines = {"content-type": "text/event-stream", "connection": "close"}
        exchange.send(head(200, lines), *EVENTS[dialect], tail)
        exchange.close()

    return part


def until_something(dialect: str, happens: Part) -> Part:
    def part(exchange: Exchange) -> None:
        exchange.send(head(200, {"content-type": "text/event-stream"}), *EVENTS[dialect])
        exchange.left(0.05)
        happens(exchange)

    return part


def with_length(dialect: str, tail: bytes = b"") -> Part:
    def part(exchange: Exchange) -> None:
        data = b"".join(EVENTS[dialect]) + tail
        lines = {"content-type": "text/event-stream", "content-length": str(len(data))}
        exchange.send(head(200, lines), data)

    return part


def silence(exchange: Exchange) -> None:
    exchange.left(5)


def half_an_event(exchange: Exchange) -> None:
    exchange.send(chunk(b'data: {"id":"chatcmpl-1","choices":[{"ind'), LAST_CHUNK)


CUTS: dict[str, tuple[Callable[[str], Part], str]] = {
    "properly ended chunks": (lambda d: events_then(d, lambda e: e.send(LAST_CHUNK)), "upstream_interrupted"),
    "a close amid the chunks": (lambda d: events_then(d, Exchange.close), "upstream_interrupted"),
    "a reset": (lambda d: events_then(d, Exchange.reset), "upstream_interrupted"),
    "a close of a body to the connection's end": (until_closed, "upstream_interrupted"),
    "a body of its full length": (with_length, "upstream_interrupted"),
    "silence": (lambda d: events_then(d, silence), "upstream_timeout"),
    "a reset of a body to the connection's end": (
        lambda d: until_something(d, Exchange.reset),
        "upstream_interrupted",
    ),
    "silence in a body to the connection's end": (lambda d: until_something(d, silence), "upstream_timeout"),
    "half an event, then the end": (lambda d: events_then(d, half_an_event), "upstream_interrupted"),
    "an event of broken JSON": (
        lambda d: events_then(d, lambda e: e.send(chunk(b'data: {"broken":\n\n'))),
        "upstream_invalid",
    ),
    "a page amid the stream": (
        lambda d: events_then(d, lambda e: e.send(chunk(PAGE), LAST_CHUNK)),
        "upstream_interrupted",
    ),
    "garbage in place of a chunk": (
        lambda d: events_then(d, lambda e: e.send(b"this is no chunk\r\n")),
        "upstream_invalid",
    ),
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_cut_stream_ends_in_the_dialects_error_event(road: Road, dialect: str, cut: str) -> None:
    part, code = CUTS[cut]
    answer = road.post(PATHS[dialect], BODIES[dialect], road.case(part(dialect)))
    begun = b"".join(EVENTS[dialect])
    assert answer.status_code == 200
    assert answer.content.startswith(begun)
    error = read_event(answer.content[len(begun) :])
    assert error["error"]["code"] == code
    assert TERMINATORS[dialect] not in answer.content
    assert answer.headers["content-type"].startswith("text/event-stream")


SDK_ERRORS = {"chat": openai.APIError, "responses": openai.APIError, "messages": anthropic.APIError}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_official_sdks_raise_for_it(road: Road, dialect: str, cut: str) -> None:
    case = road.case(CUTS[cut][0](dialect))
    came: list[Any] = []
    with pytest.raises(SDK_ERRORS[dialect]) as caught:
        came.extend(sdk_events(road, dialect, case, came))
    assert len(came) >= len(EVENTS[dialect]) - 1
    error: Any = caught.value
    assert isinstance(error.body, dict)


@pytest.mark.parametrize("cut", ["properly ended chunks", "a reset", "silence"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_asynchronous_sdks_raise_for_it(road: Road, dialect: str, cut: str) -> None:
    case = road.case(CUTS[cut][0](dialect))
    with pytest.raises(SDK_ERRORS[dialect]):
        asyncio.run(read_async(road, dialect, case))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_sdks_stream_helpers_raise_for_it(road: Road, dialect: str) -> None:
    case = road.case(CUTS["properly ended chunks"][0](dialect))
    with pytest.raises(SDK_ERRORS[dialect]):
        read_by_helper(road, dialect, case)


def page(status: int) -> Part:
    return lambda e: e.answer(status, PAGE, content_type="text/html")


def empty(exchange: Exchange) -> None:
    exchange.stream()
    exchange.send(LAST_CHUNK)


def reset_after_the_head(exchange: Exchange) -> None:
    exchange.stream()
    exchange.left(0.05)
    exchange.reset()


def silence_after_the_head(exchange: Exchange) -> None:
    exchange.stream()
    exchange.left(5)


def only_half(exchange: Exchange) -> None:
    exchange.stream(b'data: {"half":')
    exchange.close()


def packed(exchange: Exchange) -> None:
    exchange.stream(b"\x1f\x8b", content_encoding="gzip")


def comment_then_silence(exchange: Exchange) -> None:
    exchange.stream(b": PROCESSING\n")
    exchange.left(5)


BAD_STARTS: dict[str, tuple[Part, int, str]] = {
    "a page": (page(200), 502, "upstream_invalid"),
    "JSON in place of a stream": (lambda e: e.answer(200, b'{"choices":[]}'), 502, "upstream_invalid"),
    "an empty stream": (empty, 502, "upstream_invalid"),
    "an empty body": (lambda e: e.answer(200, b"", content_type="text/event-stream"), 502, "upstream_invalid"),
    "a close before an event was whole": (only_half, 502, "upstream_interrupted"),
    "a reset after the head": (reset_after_the_head, 502, "upstream_interrupted"),
    "silence after the head": (silence_after_the_head, 504, "upstream_timeout"),
    "silence within the first line": (comment_then_silence, 504, "upstream_timeout"),
    "broken JSON first": (lambda e: e.stream(b"data: {nope}\n\n"), 502, "upstream_invalid"),
    "a packed stream": (packed, 502, "upstream_invalid"),
}  # fmt: skip


@pytest.mark.parametrize("start", BAD_STARTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_stream_that_never_began_is_answered_with_a_status(road: Road, dialect: str, start: str) -> None:
    part, status, code = BAD_STARTS[start]
    answer = road.post(PATHS[dialect], BODIES[dialect], road.case(part))
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_terminator_ends_the_stream_at_once_whatever_the_provider_does_then(
    road: Road, dialect: str, line_end: bytes
) -> None:
    events = [event.replace(b"\n", line_end) for event in (*EVENTS[dialect], TERMINATORS[dialect])]

    def part(exchange: Exchange) -> None:
        exchange.stream(*(half for event in events for half in (event[:-1], event[-1:])))
        exchange.left(5)

    began = time.monotonic()
    body = BODIES[dialect] | {"model": BODIES[dialect]["model"].removeprefix("silent-")}
    answer = road.post(PATHS[dialect], body, road.case(part))
    assert answer.content == b"".join(events)
    assert time.monotonic() - began < 2


ERRORS = {
    "chat": b'data: {"error":{"message":"overloaded"}}\n\n',
    "responses": b'event: error\ndata: {"type":"error","code":"overloaded","message":"overloaded","param":null}\n\n',
    "messages": b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"overloaded"}}\n\n',
}  # fmt: skip


@pytest.mark.parametrize("last", [TERMINATORS, ERRORS], ids=["terminator", "error"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_provider_that_goes_on_after_the_last_event_is_cut_off(
    road: Road, dialect: str, last: dict[str, bytes]
) -> None:
    def part(exchange: Exchange) -> None:
        exchange.stream(*EVENTS[dialect], last[dialect])
        for _ in range(100):
            if exchange.left(0.05):
                return
            exchange.send(chunk(b": more\n\n"))

    began = time.monotonic()
    body = BODIES[dialect] | {"model": BODIES[dialect]["model"].removeprefix("silent-")}
    answer = road.post(PATHS[dialect], body, road.case(part))
    assert answer.content.startswith(b"".join(EVENTS[dialect]) + last[dialect])
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("ending", [until_closed, with_length])
def test_a_terminated_stream_is_whole_however_http_ends_it(
    road: Road, dialect: str, ending: Callable[[str, bytes], Part]
) -> None:
    part = ending(dialect, TERMINATORS[dialect])
    answer = road.post(PATHS[dialect], BODIES[dialect], road.case(part))
    assert answer.content == b"".join(EVENTS[dialect]) + TERMINATORS[dialect]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_terminator_without_its_blank_line_is_one_when_the_provider_closes(
    road: Road, dialect: str
) -> None:
    answer = road.post(
        PATHS[dialect], BODIES[dialect], road.case(until_closed(dialect, TERMINATORS[dialect][:-1]))
    )
    assert answer.content == b"".join(EVENTS[dialect]) + TERMINATORS[dialect][:-1]


EXTRAS = (
    b": OPENROUTER PROCESSING\n\n",
    b'event: ping\ndata: {"type":"ping"}\n\n',
    b'event: something.new\nid: 7\nretry: 100\ndata: {"type":"something.new","unknown":[1,2]}\n\n',
    b'data: {"type":\ndata: "in two lines"}\n\n',
    b"\n\n",
)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_pings_comments_and_unknown_events_pass_on(road: Road, dialect: str) -> None:
    sent = b"".join((*EXTRAS, *EVENTS[dialect], *EXTRAS, TERMINATORS[dialect]))

    def part(exchange: Exchange) -> None:
        exchange.stream(sent[:100], sent[100:131], sent[131:])
        exchange.send(LAST_CHUNK)

    assert road.post(PATHS[dialect], BODIES[dialect], road.case(part)).content == sent


ERROR_EVENTS = {
    "chat": b'data: {"error":{"message":"too much","type":"server_error","param":null,"code":null}}\n\n',
    "responses": b'event: error\ndata: {"type":"error","code":"server_error","message":"too much","param":null}\n\n',
    "messages": b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"too much"}}\n\n',
}


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_providers_own_error_event_is_the_last_one(road: Road, dialect: str, line_end: bytes) -> None:
    error = ERROR_EVENTS[dialect].replace(b"\n", line_end)

    def part(exchange: Exchange) -> None:
        exchange.stream(*EVENTS[dialect], error[:-1], error[-1:], b": more\n\n")
        exchange.close()

    answer = road.post(PATHS[dialect], BODIES[dialect], road.case(part))
    assert answer.content == b"".join(EVENTS[dialect]) + error


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_first_event_comes_before_the_second_was_made(road: Road, dialect: str) -> None:
    first, *others = EVENTS[dialect]

    def part(exchange: Exchange) -> None:
        exchange.stream(first)
        exchange.left(0.15)
        exchange.send(*(chunk(event) for event in (*others, TERMINATORS[dialect])), LAST_CHUNK)

    headers = {CASE: road.case(part), "x-api-key": KEY}
    with road.http.stream("POST", PATHS[dialect], json=BODIES[dialect], headers=headers) as answer:
        pieces = list(timed(answer))
    assert pieces[0][1] == first
    assert pieces[1][0] - pieces[0][0] > 0.1


def timed(answer: httpx.Response) -> Any:
    for piece in answer.iter_raw():
        yield time.monotonic(), piece


def read_event(data: bytes) -> Any:
    """The one event in the data."""
    lines = [line for line in data.split(b"\n") if line.startswith(b"data: ")]
    assert len(lines) == 1, data
    assert data.endswith(b"\n\n")
    return msgspec.json.decode(lines[0][6:])


def sdk_events(road: Road, dialect: str, case: str, came: list[Any]) -> list[Any]:
    if dialect == "messages":
        with road.anthropic(case) as claude:
            for event in claude.messages.create(**BODIES[dialect]):
                came.append(event)
        return []
    with road.openai(case) as gpt:
        maker = gpt.chat.completions if dialect == "chat" else gpt.responses
        for event in maker.create(**BODIES[dialect]):
            came.append(event)
    return []


async def read_async(road: Road, dialect: str, case: str) -> None:
    headers = {CASE: case}
    if dialect == "messages":
        claude: Any = anthropic.AsyncAnthropic(base_url=road.url, api_key=KEY, default_headers=headers)
        async with claude:
            async for _ in await claude.messages.create(**BODIES[dialect]):
                pass
        return
    gpt: Any = openai.AsyncOpenAI(base_url=f"{road.url}/v1", api_key=KEY, default_headers=headers)
    async with gpt:
        maker = gpt.chat.completions if dialect == "chat" else gpt.responses
        async for _ in await maker.create(**BODIES[dialect]):
            pass


def read_by_helper(road: Road, dialect: str, case: str) -> None:
    body = {name: value for name, value in BODIES[dialect].items() if name != "stream"}
    if dialect == "messages":
        with road.anthropic(case) as claude, claude.messages.stream(**body) as stream:
            stream.get_final_message()
        return
    with road.openai(case) as gpt:
        maker = gpt.chat.completions if dialect == "chat" else gpt.responses
        with maker.stream(**body) as stream:
            stream.until_done()
