"""Anthropic's SDK, unmodified, through the gateway to the simulated provider."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from pydantic import BaseModel

from tests.system.road import KEY, Road

CLAUDE = "claude-sonnet-4-6"
ASKS: Any = [{"role": "user", "content": "What is the weather in Paris?"}]
TOOL = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
USUAL: Any = {"model": CLAUDE, "max_tokens": 100, "messages": ASKS}
Sdk = Any


class Person(BaseModel):
    name: str
    age: int


@pytest.fixture
def claude(simulated: Road) -> Iterator[Sdk]:
    with anthropic.Anthropic(base_url=simulated.url, api_key=KEY, max_retries=0) as client:
        yield client


def test_messages_answer_whole_and_streamed_the_same(claude: Sdk) -> None:
    whole = claude.messages.create(**USUAL)
    with claude.messages.stream(**USUAL) as stream:
        text = "".join(stream.text_stream)
        streamed = stream.get_final_message()
    assert text == streamed.content[0].text == whole.content[0].text
    assert streamed.usage.output_tokens == whole.usage.output_tokens
    assert claude.messages.count_tokens(model=CLAUDE, messages=ASKS).input_tokens == whole.usage.input_tokens


def test_raw_events_come_in_their_order(claude: Sdk) -> None:
    kinds = [event.type for event in claude.messages.create(**USUAL, stream=True)]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert "content_block_delta" in kinds


def test_a_message_thinks_calls_a_tool_and_takes_its_result(claude: Sdk) -> None:
    thinking = {"type": "enabled", "budget_tokens": 1024}
    asked = USUAL | {"max_tokens": 2000, "tools": [TOOL], "thinking": thinking}
    with claude.messages.stream(**asked) as stream:
        message = stream.get_final_message()
    use = message.content[-1]
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}
    history = [
        *ASKS,
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": [result]},
    ]
    answer = claude.messages.create(**(USUAL | {"messages": history, "tools": [TOOL]}))
    assert (message.stop_reason, use.input) == ("tool_use", {"city": "Paris"})
    assert "sunny" in answer.content[0].text


def test_structured_output_is_parsed(claude: Sdk) -> None:
    parsed = claude.messages.parse(**USUAL, output_format=Person)
    assert isinstance(parsed.parsed_output, Person)


def test_beta_calls_keep_their_query_and_header(claude: Sdk) -> None:
    answer = claude.beta.messages.create(**USUAL, betas=["token-counting-2024-11-01"])
    assert answer.stop_reason == "end_turn"


def test_models_are_those_of_the_gateway(claude: Sdk) -> None:
    assert CLAUDE in [model.id for model in claude.models.list(limit=2)]
    assert claude.models.retrieve(CLAUDE).id == CLAUDE
    with pytest.raises(anthropic.NotFoundError):
        claude.models.retrieve("nowhere")


def test_raw_responses_show_the_gateways_headers(claude: Sdk) -> None:
    raw = claude.messages.with_raw_response.create(**USUAL)
    assert raw.headers["x-turnpike-target"] == f"sim-anthropic/{CLAUDE}"
    assert raw.headers["request-id"] == raw.headers["x-turnpike-call-id"]
    assert raw.parse()._request_id == raw.headers["x-turnpike-call-id"]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, anthropic.BadRequestError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.APIStatusError),
    ],
)
def test_the_providers_errors_keep_their_class(
    claude: Sdk, status: int, error: type[anthropic.APIStatusError]
) -> None:
    with pytest.raises(error) as caught:
        claude.messages.create(**USUAL, extra_headers={"x-sim-error": str(status)})
    assert caught.value.status_code == status
    assert caught.value.request_id == caught.value.response.headers["x-turnpike-call-id"]


@pytest.mark.parametrize("status", ["429", "503", "529"])
def test_retries_meet_a_provider_that_recovers(claude: Sdk, status: str) -> None:
    wish = {
        "x-sim-error": status,
        "x-sim-fault-times": "2",
        "x-sim-case": f"anthropic-sdk-{status}",
        "x-sim-retry-after-seconds": "0.01",
    }
    patient = claude.with_options(max_retries=2)
    assert patient.messages.with_raw_response.create(**USUAL, extra_headers=wish).retries_taken == 2


def test_the_sdks_time_limit_ends_a_call_that_hangs(claude: Sdk) -> None:
    began = time.monotonic()
    with pytest.raises(anthropic.APITimeoutError):
        claude.with_options(timeout=0.3).messages.create(**USUAL, extra_headers={"x-sim-hang": "headers"})
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("place", ["body", "middle", "terminator"])
@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_cut_stream_is_an_error(claude: Sdk, place: str, how: str) -> None:
    wish = {"x-sim-cut": place, "x-sim-cut-how": how}
    with pytest.raises(anthropic.APIError):
        list(claude.messages.create(**USUAL, stream=True, extra_headers=wish))


def test_unknown_fields_and_events_pass(claude: Sdk) -> None:
    wish = {"x-sim-extras": "true", "x-sim-comment-every-events": "1", "x-sim-write-bytes": "3"}
    answer = claude.messages.create(**USUAL, extra_headers=wish, extra_body={"new_field": {"a": [1]}})
    with claude.messages.stream(**USUAL, extra_headers=wish) as stream:
        assert stream.get_final_text() == answer.content[0].text
    assert answer.model_extra


def test_many_asynchronous_calls_run_side_by_side(simulated: Road) -> None:
    async def one(client: Sdk, number: int) -> str:
        wish = {"x-sim-answer": f"answer {number}", "x-sim-latency-ms": "20"}
        async with client.messages.stream(**USUAL, extra_headers=wish) as stream:
            return str(await stream.get_final_text())

    async def all_of_them() -> list[str]:
        async with anthropic.AsyncAnthropic(base_url=simulated.url, api_key=KEY) as client:
            return await asyncio.gather(*(one(client, number) for number in range(40)))

    assert asyncio.run(all_of_them()) == [f"answer {number}" for number in range(40)]
