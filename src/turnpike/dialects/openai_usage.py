"""What OpenAI's answers say of their usage, in its two namings."""

from __future__ import annotations

from typing import Any

from turnpike.domain.usage import UNKNOWN, Usage


def chat_usage(value: Any) -> Usage:
    """From `usage` of chat completions, completions and embeddings; lenient about what is odd."""
    if not isinstance(value, dict):
        return UNKNOWN
    return Usage(
        input_tokens=_count(value.get("prompt_tokens")),
        output_tokens=_count(value.get("completion_tokens")),
        cache_read_tokens=_detail(value, "prompt_tokens_details", "cached_tokens"),
        reasoning_tokens=_detail(value, "completion_tokens_details", "reasoning_tokens"),
    )


def responses_usage(value: Any) -> Usage:
    """From `usage` of a response; lenient about what is odd."""
    if not isinstance(value, dict):
        return UNKNOWN
    return Usage(
        input_tokens=_count(value.get("input_tokens")),
        output_tokens=_count(value.get("output_tokens")),
        cache_read_tokens=_detail(value, "input_tokens_details", "cached_tokens"),
        reasoning_tokens=_detail(value, "output_tokens_details", "reasoning_tokens"),
    )


def _detail(usage: dict[str, Any], part: str, name: str) -> int | None:
    details = usage.get(part)
    return _count(details.get(name)) if isinstance(details, dict) else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and value >= 0 else None
