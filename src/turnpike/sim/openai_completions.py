"""OpenAI's legacy completions."""

from __future__ import annotations

import msgspec

from turnpike.sim.author import compose, usage_of
from turnpike.sim.conversation import Asked, Said, Usage
from turnpike.sim.counting import count_input
from turnpike.sim.inquiry import FINGERPRINT, Inquiry, charge_for
from turnpike.sim.openai_chat_stream import finish_reason
from turnpike.sim.openai_checks import check_range, read_body, read_choices
from turnpike.sim.plan import Answer, Event
from turnpike.sim.read import Object, count_of, texts_of
from turnpike.sim.refusals import missing_parameter
from turnpike.sim.sse import DONE, data_event

USUAL_MAXIMUM_TOKENS = 16


def answer_completion(inquiry: Inquiry) -> Answer:
    """The completion, whole or streamed as asked; raises Refused as the provider would."""
    body = read_body(inquiry.body)
    asked = _read(inquiry, body)
    answers = compose(asked, inquiry.steering)
    usage = usage_of(asked, answers, inquiry.steering)
    charge = charge_for(asked, usage)
    if body.get("stream") is True:
        return inquiry.streamed(_events(inquiry, body, answers, usage), charge)
    choices = [_choice(index, "".join(said.text), finish_reason(said)) for index, said in enumerate(answers)]
    value = {**_frame(inquiry, body), "choices": choices, "usage": _usage_value(usage)}
    if inquiry.steering.usage == "none":
        del value["usage"]
    return inquiry.whole(msgspec.json.encode(value), charge)


def _read(inquiry: Inquiry, body: Object) -> Asked:
    model = inquiry.openai_model(body.get("model"), "completion")
    prompt = body.get("prompt")
    if prompt is None:
        raise missing_parameter("prompt")
    check_range(body, "temperature", 2)
    prompts = texts_of(prompt) or ("",)
    maximum = count_of(body.get("max_tokens"))
    return Asked(
        model=model.name,
        prompt=prompts[-1],
        input_tokens=count_input(prompt),
        max_output_tokens=USUAL_MAXIMUM_TOKENS if maximum is None else maximum,
        stop=texts_of(body.get("stop")),
        choices=read_choices(body, len(prompts)),
    )


def _events(inquiry: Inquiry, body: Object, answers: tuple[Said, ...], usage: Usage) -> list[Event]:
    options = body.get("stream_options")
    with_usage = isinstance(options, dict) and options.get("include_usage") is True
    frame = {**_frame(inquiry, body), **({"usage": None} if with_usage else {})}
    events = []
    for index, said in enumerate(answers):
        for token in said.text:
            events.append(Event(data_event({**frame, "choices": [_choice(index, token, None)]}), 1))
        last = _choice(index, "", finish_reason(said))
        events.append(Event(data_event({**frame, "choices": [last]})))
    if with_usage and inquiry.steering.usage == "given":
        events.append(Event(data_event({**frame, "choices": [], "usage": _usage_value(usage)})))
    return [*events, Event(DONE)]


def _frame(inquiry: Inquiry, body: Object) -> Object:
    return {
        "id": f"cmpl-Sim{inquiry.source.alphanumeric('id', 26)}",
        "object": "text_completion",
        "created": inquiry.created_seconds,
        "model": body["model"],
        "system_fingerprint": FINGERPRINT,
    }


def _choice(index: int, text: str, finish: str | None) -> Object:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish}


def _usage_value(usage: Usage) -> Object:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
