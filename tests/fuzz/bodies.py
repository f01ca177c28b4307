"""Fuzzes what reads whole JSON bodies: only named errors come, and the model's name alone is exchanged."""

from __future__ import annotations

import json
from collections.abc import Callable

import atheris

from tests.fuzz.launch import start

with atheris.instrument_imports(include=["turnpike"]):
    from turnpike.dialects.anthropic_messages import COUNT_TOKENS, MESSAGES
    from turnpike.dialects.openai_chat import CHAT
    from turnpike.dialects.openai_embeddings import EMBEDDINGS
    from turnpike.dialects.openai_responses import INPUT_TOKENS, KEPT, RESPONSES
    from turnpike.dialects.speech import with_model
    from turnpike.domain.errors import InvalidJson, InvalidRequest, UpstreamInvalid

SPEECHES = (CHAT, EMBEDDINGS, RESPONSES, INPUT_TOKENS, KEPT, MESSAGES, COUNT_TOKENS)
OTHER = 'other "model"'


def read_one_input(data: bytes) -> None:
    if not data:
        return
    speech, body = SPEECHES[data[0] % len(SPEECHES)], data[1:]
    tolerate(speech.read_answer, body)
    try:
        call = speech.read_call(body)
    except (InvalidJson, InvalidRequest):
        return
    start, end = call.model_span
    assert json.loads(body[start:end], strict=False) == call.model, "the span is not the model's"
    changed = with_model(body, call.model_span, OTHER)
    assert changed[:start] == body[:start]
    assert changed.endswith(body[end:])
    assert speech.read_call(changed).model == OTHER, "another field was exchanged"


def tolerate(read: Callable[[bytes], object], body: bytes) -> None:
    try:
        read(body)
    except UpstreamInvalid:
        return


if __name__ == "__main__":
    start(read_one_input)
