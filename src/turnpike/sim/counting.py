"""Tokens of the simulated provider: short pieces of text that anyone can count again."""

from __future__ import annotations

import re
from typing import Any

PIECE = re.compile(r"\s*\S{1,6}|\s+")
BYTES_PER_INPUT_TOKEN = 4
MEDIA_TOKENS = 85
"""An image, a document or a recording counts as much, however large."""


def split_tokens(text: str) -> tuple[str, ...]:
    """The text in pieces that put together give it back: a piece is an output token."""
    return tuple(PIECE.findall(text))


def count_input(value: Any) -> int:
    """Input tokens of a JSON value: a quarter of the bytes of each text in it, rounded up."""
    if isinstance(value, str):
        if value.startswith("data:"):
            return MEDIA_TOKENS
        return -(-len(value.encode("utf-8", "surrogatepass")) // BYTES_PER_INPUT_TOKEN)
    if isinstance(value, list):
        return sum(count_input(item) for item in value)
    if isinstance(value, dict):
        if value.get("type") == "base64":
            return MEDIA_TOKENS
        return sum(count_input(item) for item in value.values())
    return 1
