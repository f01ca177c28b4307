"""OpenAI's SDK, unmodified, through the gateway to the simulated provider, and at that provider itself.

What both promise is asked of both: a test that fails at the provider says nothing of the gateway.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from tests.system.road import KEY, SIM_KEY, Road, a_simulated_provider

GPT = "gpt-4o-mini"
ASKS: Any = [{"role": "user", "content": "What is the weather in Paris?"}]
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
CHAT_TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA, "strict": True}}
RESPONSES_TOOL = {"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": True}
Sdk = Any


class Person(BaseModel):
    name: str
    age: int
    tags: list[str]


@pytest.fixture
def gpt(simulated: Road) -> Iterator[Sdk]:
    with openai.OpenAI(base_url=f"{simulated.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    with a_simulated_provider() as address:
        yield address


@pytest.fixture(params=["through the gateway", "at the provider"])
def either(request: pytest.FixtureRequest) -> Iterator[Sdk]:
    """A client of the gateway, and then one of the simulated provider."""
    if request.param == "at the provider":
        address, key = request.getfixturevalue("simulator"), SIM_KEY
    else:
        address, key = request.getfixturevalue("simulated").url, KEY
    with openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0) as client:
        yield client


def test_chat_answers_whole_and_streamed_the_same(either: Sdk) -> None:
    whole = either.chat.completions.create(model=GPT, messages=ASKS)
    with either.chat.completions.stream(
        model=GPT, messages=ASKS, stream_options={"include_usage": True}
    ) as stream:
        streamed = stream.get_final_completion()
    assert streamed.choices[0].message.content == whole.choices[0].message.content
    assert streamed.usage == whole.usage
    assert whole.system_fingerprint == "fp_turnpike_sim"


def test_chat_calls_a_tool_and_takes_its_result(either: Sdk) -> None:
    with either.chat.completions.stream(model=GPT, messages=ASKS, tools=[CHAT_TOOL]) as stream:
        message = stream.get_final_completion().choices[0].message
    call = message.tool_calls[0]
    history = [*ASKS, message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    answer = either.chat.completions.create(model=GPT, messages=history, tools=[CHAT_TOOL])
    assert call.function.parsed_arguments == {"city": "Paris"}
    assert "sunny" in answer.choices[0].message.content


def test_structured_output_is_parsed(either: Sdk) -> None:
    chat = either.chat.completions.parse(model=GPT, messages=ASKS, response_format=Person)
    whole = either.responses.parse(model=GPT, input="Who?", text_format=Person)
    with either.responses.stream(model=GPT, input="Who?", text_format=Person) as stream:
        streamed = stream.get_final_response()
    assert chat.choices[0].message.parsed == Person(name="simulated", age=1, tags=["simulated"])
    assert whole.output_parsed == streamed.output_parsed == chat.choices[0].message.parsed


def test_a_response_is_streamed_retrieved_listed_continued_and_deleted(either: Sdk) -> None:
    with either.responses.stream(model=GPT, input="Why?") as stream:
        kinds = [event.type for event in stream]
        made = stream.get_final_response()
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")
    assert either.responses.retrieve(made.id).output_text == made.output_text
    assert either.responses.input_items.list(made.id, limit=5).data[0].content[0].text == "Why?"
    on = either.responses.create(model=GPT, input="And then?", previous_response_id=made.id)
    assert on.previous_response_id == made.id
    either.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        either.responses.retrieve(made.id)


def test_a_response_calls_a_tool_and_takes_its_result(either: Sdk) -> None:
    first = either.responses.create(model=GPT, input=ASKS, tools=[RESPONSES_TOOL])
    result = {"type": "function_call_output", "call_id": first.output[0].call_id, "output": "sunny"}
    assert json.loads(first.output[0].arguments) == {"city": "Paris"}
    second = either.responses.create(
        model=GPT, input=[result], previous_response_id=first.id, tools=[RESPONSES_TOOL]
    )
    assert "sunny" in second.output_text


def test_a_response_in_the_background_is_cancelled_and_its_stream_taken_up_again(either: Sdk) -> None:
    slow = {"x-sim-background-ms": "60000"}
    running = either.responses.create(model=GPT, input="Slowly", background=True, extra_headers=slow)
    assert either.responses.retrieve(running.id).status == "in_progress"
    assert either.responses.cancel(running.id).status == "cancelled"
    first = list(either.responses.create(model=GPT, input="Fast", background=True, stream=True))
    events = list(either.responses.retrieve(first[0].response.id, stream=True, starting_after=1))
    assert events == first[2:]
    assert events[-1].type == "response.completed"
    soon = {"x-sim-background-ms": "0"}
    done = either.responses.create(model=GPT, input="Fast", background=True, extra_headers=soon)
    assert either.responses.retrieve(done.id).status == "completed"


def test_input_tokens_are_counted(either: Sdk) -> None:
    assert either.responses.input_tokens.count(model=GPT, input="Why?").input_tokens > 0


def test_embeddings_and_legacy_completions(either: Sdk) -> None:
    vectors = either.embeddings.create(model="text-embedding-3-small", input=["a", "b"], dimensions=16).data
    legacy = either.completions.create(model="gpt-3.5-turbo-instruct", prompt="Say it", stream=True)
    whole = either.completions.create(model="gpt-3.5-turbo-instruct", prompt="Say it")
    assert [len(vector.embedding) for vector in vectors] == [16, 16]
    assert "".join(chunk.choices[0].text for chunk in legacy) == whole.choices[0].text
    assert "simulated" in whole.choices[0].text


def test_models_are_those_of_the_gateway(gpt: Sdk) -> None:
    listed = [model.id for model in gpt.models.list()]
    assert GPT in listed
    assert gpt.models.retrieve(GPT).owned_by == "turnpike"
    with pytest.raises(openai.NotFoundError):
        gpt.models.retrieve("nowhere")


def test_raw_responses_show_the_gateways_headers(gpt: Sdk) -> None:
    raw = gpt.chat.completions.with_raw_response.create(model=GPT, messages=ASKS)
    assert raw.headers["x-turnpike-target"] == "sim-openai/gpt-4o-mini"
    assert raw.headers["x-turnpike-attempts"] == "1"
    assert raw.request_id == raw.headers["x-turnpike-call-id"]
    assert raw.parse().choices[0].finish_reason == "stop"
    with gpt.chat.completions.with_streaming_response.create(model=GPT, messages=ASKS, stream=True) as stream:
        assert list(stream.iter_lines())[-2:] == ["data: [DONE]", ""]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, openai.BadRequestError),
        (404, openai.NotFoundError),
        (409, openai.ConflictError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
def test_the_providers_errors_keep_their_class(
    gpt: Sdk, status: int, error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error) as caught:
        gpt.chat.completions.create(model=GPT, messages=ASKS, extra_headers={"x-sim-error": str(status)})
    assert caught.value.request_id == caught.value.response.headers["x-turnpike-call-id"]
    assert "simulated" in caught.value.message


@pytest.mark.parametrize("status", ["429", "500", "503"])
def test_retries_meet_a_provider_that_recovers(gpt: Sdk, status: str) -> None:
    wish = {
        "x-sim-error": status,
        "x-sim-fault-times": "2",
        "x-sim-case": f"openai-sdk-{status}",
        "x-sim-retry-after-seconds": "0.01",
    }
    patient = gpt.with_options(max_retries=2)
    raw = patient.chat.completions.with_raw_response.create(model=GPT, messages=ASKS, extra_headers=wish)
    assert raw.retries_taken == 2


def test_the_sdks_time_limit_ends_a_call_that_hangs(either: Sdk) -> None:
    began = time.monotonic()
    with pytest.raises(openai.APITimeoutError):
        either.with_options(timeout=0.3).chat.completions.create(
            model=GPT, messages=ASKS, extra_headers={"x-sim-hang": "headers"}
        )
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("place", ["body", "middle", "terminator"])
@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_cut_stream_is_an_error(gpt: Sdk, place: str, how: str) -> None:
    wish = {"x-sim-cut": place, "x-sim-cut-how": how}
    with pytest.raises(openai.APIError):
        list(gpt.chat.completions.create(model=GPT, messages=ASKS, stream=True, extra_headers=wish))


def test_unknown_fields_and_events_pass(gpt: Sdk) -> None:
    wish = {"x-sim-extras": "true", "x-sim-comment-every-events": "1", "x-sim-write-bytes": "3"}
    answer = gpt.chat.completions.create(
        model=GPT, messages=ASKS, extra_headers=wish, extra_body={"new_field": {"a": [1]}}
    )
    stream = gpt.chat.completions.create(model=GPT, messages=ASKS, stream=True, extra_headers=wish)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert answer.model_extra
    assert text == answer.choices[0].message.content


def test_many_asynchronous_calls_run_side_by_side(simulated: Road) -> None:
    async def one(client: Sdk, number: int) -> str:
        wish = {"x-sim-answer": f"answer {number}", "x-sim-latency-ms": "20"}
        chunks = await client.chat.completions.create(
            model=GPT, messages=ASKS, stream=True, extra_headers=wish
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])

    async def all_of_them() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{simulated.url}/v1", api_key=KEY) as client:
            return await asyncio.gather(*(one(client, number) for number in range(40)))

    assert asyncio.run(all_of_them()) == [f"answer {number}" for number in range(40)]


def test_the_asynchronous_sdk_makes_and_parses_responses(simulated: Road) -> None:
    async def made() -> tuple[Any, Any]:
        client: Sdk = openai.AsyncOpenAI(base_url=f"{simulated.url}/v1", api_key=KEY)
        async with client:
            parsed = await client.responses.parse(model=GPT, input="Who?", text_format=Person)
            return parsed.output_parsed, await client.responses.retrieve(parsed.id)

    parsed, kept = asyncio.run(made())
    assert isinstance(parsed, Person)
    assert kept.status == "completed"
