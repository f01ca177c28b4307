"""The form of what the simulated provider answers, against what recorded conversations show."""

from __future__ import annotations

import base64
import struct

import pytest

from tests.unit.sim.stage import CLAUDE, GPT, WEATHER, Stage

OPENAI_TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}
ASKS = "What is the weather in Paris?"


def test_every_answer_says_that_it_is_simulated() -> None:
    stage = Stage()
    answers = [
        stage.chat(),
        stage.respond(),
        stage.message(),
        stage.chat(more={"stream": True}),
        stage.call("/v1/models", method="GET"),
        stage.call("/v1/nowhere"),
        stage.call("/sim/ledger", method="GET"),
    ]
    assert {answer.headers["x-sim"] for answer in answers} == {"simulated"}
    assert "simulated" in stage.chat().json["choices"][0]["message"]["content"]
    assert stage.chat().json["system_fingerprint"] == "fp_turnpike_sim"
    assert stage.message().json["id"].startswith("msg_01Sim")


def test_a_chat_completion_has_the_recorded_fields() -> None:
    value = Stage().chat().json
    assert set(value) == {
        "id", "object", "created", "model", "choices", "usage", "service_tier", "system_fingerprint",
    }  # fmt: skip
    assert set(value["choices"][0]) == {"index", "message", "logprobs", "finish_reason"}
    assert set(value["choices"][0]["message"]) == {"role", "content", "refusal", "annotations"}
    assert (
        value["usage"]["total_tokens"]
        == value["usage"]["prompt_tokens"] + value["usage"]["completion_tokens"]
    )
    assert len(value["id"]) == len("chatcmpl-Dyln92ILj4hwfpf8pkB29u5SE8WQb")


def test_a_chat_stream_goes_from_role_to_done_and_gives_the_same_text() -> None:
    stage = Stage()
    streamed = stage.chat(more={"stream": True, "stream_options": {"include_usage": True}})
    *chunks, (_, done) = streamed.events
    values = [value for _, value in chunks]
    text = "".join(value["choices"][0]["delta"].get("content") or "" for value in values[:-1])
    whole = stage.chat().json
    assert done == "[DONE]"
    assert values[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert values[-2]["choices"][0]["finish_reason"] == "stop"
    assert values[-1]["choices"] == []
    assert values[-1]["usage"] == whole["usage"]
    assert all(value["usage"] is None for value in values[:-1])
    assert text == whole["choices"][0]["message"]["content"]


def test_a_chat_stream_has_no_usage_unless_asked() -> None:
    assert all(
        value == "[DONE]" or "usage" not in value for _, value in Stage().chat(more={"stream": True}).events
    )


def test_a_streamed_tool_call_names_the_tool_first_and_carries_an_index_everywhere() -> None:
    streamed = Stage().chat(ASKS, {"stream": True, "tools": [OPENAI_TOOL]})
    deltas = [value["choices"][0]["delta"] for _, value in streamed.events[:-1]]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert calls[0]["function"] == {"name": "get_weather", "arguments": ""}
    assert {call["index"] for call in calls} == {0}
    assert "".join(call["function"]["arguments"] for call in calls) == '{"city":"Paris","unit":"celsius"}'


def test_several_choices_come_numbered() -> None:
    value = Stage().chat(more={"n": 3, "logprobs": True}).json
    assert [choice["index"] for choice in value["choices"]] == [0, 1, 2]
    assert value["choices"][0]["logprobs"]["content"][0]["token"] == "This"


def test_a_message_stream_has_the_recorded_order_with_a_ping_after_the_first_start() -> None:
    names = [name for name, _ in Stage().message(more={"stream": True}).events]
    deltas = names.count("content_block_delta")
    assert names == [
        "message_start",
        "content_block_start",
        "ping",
        *["content_block_delta"] * deltas,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_a_message_stream_gives_what_the_whole_message_says() -> None:
    stage = Stage()
    streamed = [value for _, value in stage.message(more={"stream": True}).events]
    whole = stage.message().json
    text = "".join(value["delta"]["text"] for value in streamed if value["type"] == "content_block_delta")
    assert text == whole["content"][0]["text"]
    assert streamed[0]["message"]["usage"]["output_tokens"] == 1
    assert streamed[-2]["usage"]["output_tokens"] == whole["usage"]["output_tokens"]
    assert streamed[-2]["usage"]["input_tokens"] == whole["usage"]["input_tokens"]


def test_thinking_comes_first_and_its_signature_is_taken_back_only_unchanged() -> None:
    stage = Stage()
    thinking = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 2000}
    content = stage.message(more=thinking).json["content"]
    assert [block["type"] for block in content] == ["thinking", "text"]
    again = [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": content},
        {"role": "user", "content": "Go on"},
    ]
    assert stage.message(more={"messages": again}).status == 200
    content[0]["signature"] = "Zm9yZ2Vk"
    forged = stage.message(more={"messages": again})
    assert forged.status == 400
    assert "messages.1.content.0: Invalid `signature`" in forged.json["error"]["message"]


def test_hidden_thinking_is_signed_but_not_shown() -> None:
    hidden = {"thinking": {"type": "adaptive", "display": "omitted"}}
    block = Stage().message(more=hidden).json["content"][0]
    assert block["thinking"] == ""
    assert block["signature"]


def test_a_response_stream_is_numbered_and_ends_with_the_whole_response() -> None:
    stage = Stage()
    events = stage.respond(more={"stream": True}).events
    names = [name for name, _ in events]
    assert names[:4] == [
        "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
    ]  # fmt: skip
    assert names[-4:] == [
        "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed",
    ]  # fmt: skip
    assert [value["sequence_number"] for _, value in events] == list(range(len(events)))
    assert events[-1][1]["response"]["output"][0]["content"][0]["text"].startswith(
        "This is a simulated answer"
    )
    assert all(name == value["type"] for name, value in events)


def test_reasoning_in_a_response_is_summed_up_and_sealed_where_asked() -> None:
    stage = Stage()
    wishes = {"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
    value = stage.respond(more=wishes).json
    item, message = value["output"]
    assert item["type"] == "reasoning"
    assert item["summary"][0]["text"].startswith("This reasoning is simulated")
    assert value["usage"]["output_tokens_details"]["reasoning_tokens"] > 0
    history = [{"role": "user", "content": "Hello"}, item, message, {"role": "user", "content": "Go on"}]
    assert stage.respond(more={"input": history}).status == 200
    history[1] = {**item, "encrypted_content": "gAAAAABforged"}
    assert stage.respond(more={"input": history}).json["error"]["code"] == "invalid_encrypted_content"


def test_a_stored_response_is_read_listed_continued_and_deleted() -> None:
    stage = Stage()
    first = stage.respond("Remember this").json
    path = f"/v1/responses/{first['id']}"
    assert stage.call(path, method="GET").json == first
    items = stage.call(f"{path}/input_items?order=asc", method="GET").json
    assert items["data"][0]["content"] == [{"type": "input_text", "text": "Remember this"}]
    assert items["first_id"] == items["last_id"] == items["data"][0]["id"]
    longer = stage.respond("And?", {"previous_response_id": first["id"]}).json
    assert longer["usage"]["input_tokens"] > stage.respond("And?").json["usage"]["input_tokens"]
    assert stage.call(path, method="DELETE").json["deleted"] is True
    assert stage.call(path, method="GET").status == 404
    gone = stage.respond("And?", {"previous_response_id": first["id"]})
    assert gone.json["error"]["code"] == "previous_response_not_found"


def test_a_response_in_the_background_is_done_after_its_time_or_cancelled_before() -> None:
    stage = Stage()
    queued = stage.respond("One", {"background": True}).json
    other = stage.respond("Two", {"background": True}).json
    path = f"/v1/responses/{queued['id']}"
    assert (queued["status"], queued["output"]) == ("queued", [])
    assert stage.call(path, method="GET").json["status"] == "in_progress"
    assert stage.call(f"/v1/responses/{other['id']}/cancel").json["status"] == "cancelled"
    stage.clock.ns += 1_000_000_000
    assert stage.call(path, method="GET").json["status"] == "completed"
    assert stage.call(f"/v1/responses/{other['id']}", method="GET").json["status"] == "cancelled"


def test_a_background_stream_can_be_read_on_from_where_it_was_left() -> None:
    stage = Stage()
    events = stage.respond(more={"background": True, "stream": True}).events
    name = events[0][1]["response"]["id"]
    rest = stage.call(f"/v1/responses/{name}?stream=true&starting_after=5", method="GET").events
    assert rest == events[6:]


def test_an_unfinished_response_is_incomplete_and_says_why() -> None:
    stage = Stage()
    value = stage.respond(more={"max_output_tokens": 3}).json
    assert (value["status"], value["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert stage.respond(more={"max_output_tokens": 3, "stream": True}).events[-1][0] == "response.incomplete"


def test_embeddings_are_of_length_one_and_the_same_in_both_encodings() -> None:
    stage = Stage()
    body = {"model": "text-embedding-3-small", "input": ["hello", "world"], "dimensions": 64}
    floats = stage.call("/v1/embeddings", body).json["data"]
    packed = stage.call("/v1/embeddings", {**body, "encoding_format": "base64"}).json["data"]
    vector = floats[0]["embedding"]
    assert sum(number * number for number in vector) == pytest.approx(1)
    assert list(struct.unpack("<64f", base64.b64decode(packed[0]["embedding"]))) == pytest.approx(
        vector, abs=1e-6
    )
    assert floats[0]["embedding"] != floats[1]["embedding"]


def test_a_legacy_completion_has_the_usual_maximum_of_sixteen_tokens() -> None:
    body = {"model": "gpt-3.5-turbo-instruct", "prompt": "Say something long, please, as long as you can."}
    value = Stage().call("/v1/completions", body).json
    assert value["object"] == "text_completion"
    assert (value["usage"]["completion_tokens"], value["choices"][0]["finish_reason"]) == (16, "length")
    events = Stage().call("/v1/completions", {**body, "stream": True}).events
    assert "".join(value["choices"][0]["text"] for _, value in events[:-1]) == value["choices"][0]["text"]
    assert events[-1][1] == "[DONE]"


def test_models_are_listed_in_the_form_of_the_dialect_that_asks() -> None:
    stage = Stage()
    openai = stage.call("/v1/models", method="GET").json
    anthropic = stage.call("/v1/models", method="GET", anthropic_version="2023-06-01").json
    assert openai["object"] == "list"
    assert GPT in [model["id"] for model in openai["data"]]
    assert anthropic["has_more"] is False
    assert CLAUDE in [model["id"] for model in anthropic["data"]]
    assert stage.call(f"/v1/models/{GPT}", method="GET").json["id"] == GPT
    assert stage.call("/v1/models/none-such", method="GET").status == 404


def test_counted_tokens_are_those_that_the_message_is_billed() -> None:
    stage = Stage()
    body = {"model": CLAUDE, "messages": [{"role": "user", "content": "Hello"}]}
    counted = stage.call("/v1/messages/count_tokens", body).json
    assert counted == {"input_tokens": stage.message().json["usage"]["input_tokens"]}
