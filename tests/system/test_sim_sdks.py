"""The official SDKs against a running `turnpike sim`, over real sockets.

What the gateway promises of OpenAI's SDK as well is asked of both in test_sdk_openai.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx
import msgspec
import openai
import pytest
from pydantic import BaseModel

GPT, CLAUDE = "gpt-4o-mini", "claude-sonnet-4-6"
ASKS: Any = [{"role": "user", "content": "What is the weather in Paris?"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
CLAUDE_TOOL = {"name": "get_weather", "input_schema": SCHEMA}
WITHIN_SECONDS = 10

Sdk = Any
"""A client: with the SDKs' own types, each field of an answer would need a check of its kind first."""


class Person(BaseModel):
    name: str
    age: int
    tags: list[str]


@contextmanager
def running(*flags: str) -> Iterator[str]:
    """The address of a simulated provider, which afterwards ends with status 0 when told to."""
    command = [sys.executable, "-m", "turnpike", "sim", "--listen", "127.0.0.1:0", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(WITHIN_SECONDS)
    assert status == 0


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running("--key", "sk-sim") as address:
        yield address


@pytest.fixture
def gpt(address: str) -> Iterator[Sdk]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="sk-sim", max_retries=0) as client:
        yield client


@pytest.fixture
def claude(address: str) -> Iterator[Sdk]:
    with anthropic.Anthropic(base_url=address, api_key="sk-sim", max_retries=0) as client:
        yield client


# OpenAI's SDK


def test_a_response_shows_its_reasoning_where_it_is_asked_for(gpt: Sdk) -> None:
    reasoning = {"effort": "low", "summary": "auto"}
    with gpt.responses.stream(model="gpt-5", input="Why?", reasoning=reasoning) as stream:
        kinds = [event.type for event in stream]
    assert kinds[0] == "response.created"
    assert "response.reasoning_summary_text.delta" in kinds
    assert kinds[-1] == "response.completed"


def test_models_are_listed(gpt: Sdk) -> None:
    assert GPT in [model.id for model in gpt.models.list()]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (409, openai.ConflictError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
    ],
)
def test_openais_errors_have_their_class_and_request_id(
    gpt: Sdk, status: int, error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error) as caught:
        gpt.chat.completions.create(model=GPT, messages=ASKS, extra_headers={"x-sim-error": str(status)})
    assert str(caught.value.request_id).startswith("req_")
    assert "simulated" in caught.value.message


def test_openais_sdk_sees_an_error_inside_a_stream_and_a_reset(gpt: Sdk) -> None:
    for wish, error in (
        ({"x-sim-error-after-events": "3"}, openai.APIError),
        ({"x-sim-reset": "middle"}, openai.APIConnectionError),
        ({"x-sim-reset": "headers"}, openai.APIConnectionError),
    ):
        with pytest.raises(error):
            list(gpt.chat.completions.create(model=GPT, messages=ASKS, stream=True, extra_headers=wish))


def test_openais_retries_meet_a_provider_that_recovers(gpt: Sdk) -> None:
    wish = {
        "x-sim-error": "503",
        "x-sim-fault-times": "2",
        "x-sim-case": "openai",
        "x-sim-retry-after-seconds": "0.01",
    }
    patient = gpt.with_options(max_retries=2)
    raw = patient.chat.completions.with_raw_response.create(model=GPT, messages=ASKS, extra_headers=wish)
    assert raw.retries_taken == 2
    assert raw.headers["x-sim"] == "simulated"


# Anthropic's SDK


def test_messages_answer_whole_and_streamed_the_same(claude: Sdk) -> None:
    whole = claude.messages.create(model=CLAUDE, max_tokens=100, messages=ASKS)
    with claude.messages.stream(model=CLAUDE, max_tokens=100, messages=ASKS) as stream:
        streamed = stream.get_final_message()
    counted = claude.messages.count_tokens(model=CLAUDE, messages=ASKS)
    assert streamed.content[0].text == whole.content[0].text
    assert (streamed.usage.input_tokens, streamed.usage.output_tokens) == (
        whole.usage.input_tokens, whole.usage.output_tokens,
    )  # fmt: skip
    assert counted.input_tokens == whole.usage.input_tokens


def test_messages_think_call_a_tool_and_take_its_result(claude: Sdk) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    with claude.messages.stream(
        model=CLAUDE, max_tokens=2000, messages=ASKS, tools=[CLAUDE_TOOL], thinking=thinking
    ) as stream:
        message = stream.get_final_message()
    thought, use = message.content
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}
    history = [
        *ASKS,
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": [result]},
    ]
    answer = claude.messages.create(model=CLAUDE, max_tokens=200, messages=history, tools=[CLAUDE_TOOL])
    assert thought.type == "thinking"
    assert (message.stop_reason, use.input) == ("tool_use", {"city": "Paris"})
    assert "sunny" in answer.content[0].text


def test_messages_parse_structured_output(claude: Sdk) -> None:
    parsed = claude.messages.parse(model=CLAUDE, max_tokens=200, messages=ASKS, output_format=Person)
    assert parsed.parsed_output == Person(name="simulated", age=1, tags=["simulated"])


def test_anthropics_models_are_listed(claude: Sdk) -> None:
    assert CLAUDE in [model.id for model in claude.models.list()]
    assert claude.models.retrieve(CLAUDE).id == CLAUDE


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.InternalServerError),
    ],
)
def test_anthropics_errors_have_their_class_and_request_id(
    claude: Sdk, status: int, error: type[anthropic.APIStatusError]
) -> None:
    with pytest.raises(anthropic.APIStatusError) as caught:
        claude.messages.create(
            model=CLAUDE, max_tokens=100, messages=ASKS, extra_headers={"x-sim-error": str(status)}
        )
    assert status == 529 or isinstance(caught.value, error)
    assert caught.value.status_code == status
    assert str(caught.value.request_id).startswith("req_011C")


def test_anthropics_sdk_sees_an_error_inside_a_stream_and_a_reset(claude: Sdk) -> None:
    for wish, error in (
        ({"x-sim-error-after-events": "4"}, anthropic.APIStatusError),
        ({"x-sim-reset": "middle"}, Exception),
    ):
        with pytest.raises(error):
            list(
                claude.messages.create(
                    model=CLAUDE, max_tokens=100, messages=ASKS, stream=True, extra_headers=wish
                )
            )


def test_a_wrong_key_is_refused_to_both(address: str) -> None:
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{address}/v1", api_key="sk-wrong").models.list()
    with pytest.raises(anthropic.AuthenticationError):
        anthropic.Anthropic(base_url=address, api_key="sk-wrong").models.list()


# Both, asynchronous


def test_the_asynchronous_sdks_run_side_by_side(address: str) -> None:
    async def both() -> tuple[str, str]:
        gpt: Sdk = openai.AsyncOpenAI(base_url=f"{address}/v1", api_key="sk-sim")
        claude: Sdk = anthropic.AsyncAnthropic(base_url=address, api_key="sk-sim")
        async with gpt, claude:
            chunks = await gpt.chat.completions.create(model=GPT, messages=ASKS, stream=True)
            said = "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])
            async with claude.messages.stream(model=CLAUDE, max_tokens=100, messages=ASKS) as stream:
                return said, await stream.get_final_text()

    said, written = asyncio.run(both())
    assert said == written


# The wire


def test_a_reset_is_a_reset_and_what_came_before_it_arrives(address: str) -> None:
    url = httpx.URL(address)
    body = msgspec.json.encode({"model": GPT, "messages": ASKS, "stream": True})
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk-sim\r\n"
        f"x-sim-cut-after-events: 3\r\nx-sim-cut-how: reset\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    received = b""
    with socket.create_connection((url.host, url.port or 0), timeout=WITHIN_SECONDS) as connection:
        connection.sendall(head.encode() + body)
        try:
            while piece := connection.recv(65536):
                received += piece
            ended = "closed"
        except ConnectionResetError:
            ended = "reset"
    assert received.count(b"data: ") == 3
    assert b"[DONE]" not in received
    assert ended == "reset"


def test_the_ledger_holds_what_the_sdk_was_told() -> None:
    with running() as address, openai.OpenAI(base_url=f"{address}/v1", api_key="sk-sim") as gpt:
        told = [gpt.chat.completions.create(model=GPT, messages=ASKS).usage for _ in range(5)]
        total = httpx.get(f"{address}/sim/ledger").json()["total"]
    assert total["answered"] == 5
    assert total["input_tokens"] == sum(usage.prompt_tokens for usage in told if usage)
    assert total["output_tokens"] == sum(usage.completion_tokens for usage in told if usage)


def test_a_limit_by_flag_refuses_and_lets_through_again() -> None:
    with (
        running("--requests-per-minute", "240") as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key="sk-sim", max_retries=0) as gpt,
    ):
        with pytest.raises(openai.RateLimitError) as caught:
            [gpt.models.list() for _ in range(1000)]
        assert int(caught.value.response.headers["retry-after-ms"]) <= 250
        assert gpt.with_options(max_retries=3).models.list().data


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--error", "200"), "--error: found '200'; allowed: a whole number from 400 to 599"),
        (("--cut", "nowhere"), "--cut: found 'nowhere'; allowed: body, headers, middle, terminator"),
        (
            ("--requests-per-minute", "many"),
            "--requests-per-minute: found 'many'; allowed: a whole number, 0 or more",
        ),
        (("--listen", "nowhere"), "no address"),
    ],
)
def test_a_wrong_flag_is_named(flags: tuple[str, str], message: str) -> None:
    command = [sys.executable, "-m", "turnpike", "sim", *flags]
    run = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_SECONDS)
    assert run.returncode == 2
    assert message in run.stderr


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "turnpike", "sim", "--listen", f"127.0.0.1:{port}"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_SECONDS)
    assert run.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken by process" in run.stderr
