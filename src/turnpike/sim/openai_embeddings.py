"""OpenAI's embeddings: vectors of length 1 that follow from the text alone."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from typing import Any

import msgspec

from turnpike.sim.counting import count_input
from turnpike.sim.inquiry import Inquiry
from turnpike.sim.openai_checks import read_body
from turnpike.sim.plan import Answer, Charge
from turnpike.sim.read import count_of
from turnpike.sim.refusals import Refused, missing_parameter

MOST_INPUTS = 2048


def answer_embeddings(inquiry: Inquiry) -> Answer:
    """One vector for each input, as floats or base64; raises Refused as the provider would."""
    body = read_body(inquiry.body)
    model = inquiry.openai_model(body.get("model"), "embedding")
    inputs = _inputs(body.get("input"))
    dimensions = count_of(body.get("dimensions")) or model.dimensions
    if dimensions > model.dimensions:
        raise Refused(
            400,
            f"Invalid value for 'dimensions' = {dimensions}. Must be less than or equal to {model.dimensions}.",
        )
    as_base64 = body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _embedding(text, dimensions, as_base64)}
        for index, text in enumerate(inputs)
    ]
    given = inquiry.steering.input_tokens
    tokens = sum(_count(item) for item in inputs) if given is None else given
    value = {
        "object": "list",
        "data": data,
        "model": body["model"],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    if inquiry.steering.usage == "none":
        del value["usage"]
    return inquiry.whole(msgspec.json.encode(value), Charge(model.name, tokens, 0))


def _inputs(value: Any) -> list[Any]:
    """Texts, or lists of token numbers: one list of numbers is one input."""
    if value is None:
        raise missing_parameter("input")
    if isinstance(value, str) or (isinstance(value, list) and value and isinstance(value[0], int)):
        value = [value]
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_INPUTS or "" in value:
        raise Refused(400, "'$.input' is invalid. Please check the API reference.")
    return value


def _count(item: Any) -> int:
    return len(item) if isinstance(item, list) else count_input(item)


def _embedding(item: Any, dimensions: int, as_base64: bool) -> list[float] | str:
    noise = hashlib.shake_128(repr(item).encode()).digest(2 * dimensions)
    numbers = [number / 32768 for number in struct.unpack(f"<{dimensions}h", noise)]
    length = math.sqrt(sum(number * number for number in numbers)) or 1.0
    vector = [number / length for number in numbers]
    return base64.b64encode(struct.pack(f"<{dimensions}f", *vector)).decode() if as_base64 else vector
