"""How a call ended, and all that is known of it then."""

from __future__ import annotations

import msgspec

from turnpike.domain.call_status import CallStatus
from turnpike.domain.ids import CallId
from turnpike.domain.principal import Principal
from turnpike.domain.tags import Tags
from turnpike.domain.usage import UNKNOWN, Usage


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One try at a target; times are nanoseconds of the clock that only goes forward."""

    provider: str
    model: str
    region: str | None
    status: CallStatus
    http_status: int | None
    error: str | None
    started_ns: int
    ended_ns: int


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """One call, ended. Times are nanoseconds of the clock that only goes forward.

    dispatched_ns: when it first went to a provider; None where it never did.
    first_content_ns: when the first event of content had come; None for answers in one piece.
    upstream_ended_ns: when the provider's last byte had come.
    """

    id: CallId
    surface: str
    operation: str
    stream: bool
    status: CallStatus
    http_status: int
    error: str | None
    principal: Principal | None
    tags: Tags
    model: str | None
    attempts: tuple[Attempt, ...]
    received_ns: int
    ended_ns: int
    dispatched_ns: int | None = None
    first_content_ns: int | None = None
    upstream_ended_ns: int | None = None
    upstream_id: str | None = None
    usage: Usage = UNKNOWN
