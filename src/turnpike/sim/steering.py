"""What can be set for every request by flag and for one request by an `x-sim-…` header."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from turnpike.sim.allowed import faulty_field, said_of

PREFIX = "x-sim-"

Count = Annotated[int, msgspec.Meta(ge=0)]
Status = Annotated[int, msgspec.Meta(ge=400, le=599)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=3_600_000)]
Place = Literal["headers", "body", "middle", "terminator"]


class Steering(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How an answer is to be; a field `like_this` is the header `x-sim-like-this`."""

    # When it comes.
    latency_ms: Amount = 0.0
    first_event_ms: Amount = 0.0
    tokens_per_second: Amount = 0.0
    background_ms: Amount = 200.0

    # What it says.
    answer: str | None = None
    answer_tokens: Count | None = None
    tool: str | None = None
    tool_arguments: str | None = None
    finish: Literal["stop", "length", "content_filter", "refusal"] | None = None

    # What it says that it cost.
    usage: Literal["given", "none"] = "given"
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cached_tokens: Count = 0
    cache_write_tokens: Count = 0
    reasoning_tokens: Count | None = None

    # Refusals.
    error: Status | None = None
    error_code: str | None = None
    error_after_events: Count | None = None
    retry_after_seconds: Amount | None = None
    should_retry: Literal["true", "false"] | None = None

    # Faults on the wire. `cut_how` belongs to the three places `cut…`.
    cut: Place | None = None
    cut_after_events: Count | None = None
    cut_after_bytes: Count | None = None
    cut_how: Literal["end", "reset", "hang"] = "end"
    hang: Place | None = None
    reset: Place | None = None

    # A body that the dialect does not allow, or an unusual one that it does.
    body: Literal["html", "empty", "broken-json"] | None = None
    extras: bool = False
    comment_every_events: Count = 0
    write_bytes: Count = 0
    encoding: Literal["identity", "gzip", "zstd"] = "identity"

    # Which calls the error or fault meets; without these, every call.
    fault_share: Share | None = None
    fault_times: Count | None = None
    case: str = ""


class BadSteering(ValueError):
    """A header `x-sim-…` that does not exist, or holds what it does not allow."""


FIELDS = tuple(Steering.__struct_fields__)


def steer(defaults: Steering, headers: Mapping[bytes, bytes]) -> Steering:
    """`defaults`, with what the request's own `x-sim-…` headers say instead.

    Raises BadSteering for a name that is not known and a value that is not allowed.
    """
    wishes = {
        name.decode("latin-1")[len(PREFIX) :].replace("-", "_"): value.decode("latin-1")
        for name, value in headers.items()
        if name.startswith(b"x-sim-")
    }
    if not wishes:
        return defaults
    for name in wishes:
        _check_name(name)
    try:
        wished = msgspec.convert(wishes, Steering, strict=False)
    except msgspec.ValidationError as error:
        field = faulty_field(error)
        raise BadSteering(f"{header_of(field)}: {said_of(Steering, field, wishes[field])}") from None
    return msgspec.structs.replace(defaults, **{name: getattr(wished, name) for name in wishes})


def header_of(field: str) -> str:
    """The header that sets the field for one request."""
    return PREFIX + field.replace("_", "-")


def without_faults(steering: Steering) -> Steering:
    """The same wishes for a call that no error and no fault shall meet."""
    return msgspec.structs.replace(
        steering,
        error=None,
        error_after_events=None,
        cut=None,
        cut_after_events=None,
        cut_after_bytes=None,
        hang=None,
        reset=None,
        body=None,
    )


def _check_name(name: str) -> None:
    if name in FIELDS:
        return
    near = difflib.get_close_matches(name, FIELDS, n=1)
    hint = f"; did you mean {header_of(near[0])}?" if near else ""
    raise BadSteering(f"turnpike sim knows no header {header_of(name)}{hint}")
