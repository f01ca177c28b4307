"""What OpenAI's answers say of their usage, in its two namings.

The typed form is decoded together with the answer. Where a provider writes something odd into it
(a fraction, a text), the answer is decoded again with its usage as it is, and `mended` takes from
that what is a number of tokens.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec

from turnpike.dialects.json_body import read_small
from turnpike.domain.usage import UNKNOWN, Usage

Count = Annotated[int, msgspec.Meta(ge=0)]
T = TypeVar("T")


class InputDetails(msgspec.Struct, gc=False):
    """Parts of the input."""

    cached_tokens: Count | None = None


class OutputDetails(msgspec.Struct, gc=False):
    """Parts of the output."""

    reasoning_tokens: Count | None = None


class ChatUsage(msgspec.Struct, gc=False):
    """`usage` of chat completions, completions and embeddings."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None


class ResponsesUsage(msgspec.Struct, gc=False):
    """`usage` of a response."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


def chat_usage(usage: ChatUsage | None) -> Usage:
    """In our own naming."""
    if usage is None:
        return UNKNOWN
    return _usage(
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.prompt_tokens_details,
        usage.completion_tokens_details,
    )


def responses_usage(usage: ResponsesUsage | None) -> Usage:
    """In our own naming."""
    if usage is None:
        return UNKNOWN
    return _usage(
        usage.input_tokens,
        usage.output_tokens,
        usage.input_tokens_details,
        usage.output_tokens_details,
    )


def mended(usage: T | msgspec.Raw | None, form: type[T]) -> T | None:
    """What of an odd `usage` fits `form`; None where nothing does."""
    if not isinstance(usage, msgspec.Raw):
        return usage
    try:
        return msgspec.convert(_counts(read_small(usage)), form)
    except msgspec.ValidationError:
        return None


def _counts(value: Any) -> Any:
    if isinstance(value, dict):
        counts = {name: _counts(part) for name, part in value.items()}
        return {name: count for name, count in counts.items() if count is not None}
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and value >= 0 else None


def _usage(
    input_tokens: int | None,
    output_tokens: int | None,
    input_details: InputDetails | None,
    output_details: OutputDetails | None,
) -> Usage:
    return Usage(
        input_tokens,
        output_tokens,
        input_details.cached_tokens if input_details is not None else None,
        None,
        output_details.reasoning_tokens if output_details is not None else None,
    )
