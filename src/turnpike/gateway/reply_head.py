"""The header lines of an answer: ours, then what the provider sent."""

from __future__ import annotations

import math
from typing import Final

from turnpike.domain.errors import MethodNotAllowed, TurnpikeError
from turnpike.gateway.dispatch import Dispatched
from turnpike.gateway.headers import back_lines
from turnpike.gateway.identities import QUERY_KEY, without_key
from turnpike.gateway.progress import Progress
from turnpike.ports.http import Request

JSON_LINE: Final = b"content-type: application/json\r\n"
DEBUG: Final = b"x-turnpike-debug"
TIMING: Final = b"timing"
_CALL_LINES: Final = b"x-turnpike-call-id: %b\r\nx-request-id: %b\r\nrequest-id: %b\r\n"
_ANSWER_LINES: Final = _CALL_LINES + b"x-turnpike-target: %b\r\nx-turnpike-attempts: %d\r\n%b"
RETRY_SECONDS: Final = 1.0
"""What a caller is told to wait where nothing better is known."""


def call_lines(call_id: str) -> bytes:
    """The call's id, under its own name and where each SDK looks."""
    return _CALL_LINES % ((call_id.encode(),) * 3)


def answer_head(call: Progress, dispatched: Dispatched) -> bytes:
    """The head of a provider's answer, or of its refusal."""
    headers = dispatched.answer.headers
    call_id = call.call_id.encode()
    lines = _ANSWER_LINES % (
        call_id,
        call_id,
        call_id,
        dispatched.way.label,
        call.tries,
        back_lines(headers),
    )
    if b"content-type" not in headers:
        lines += JSON_LINE
    if call.request.headers.get(DEBUG) == TIMING:
        lines += _timing_line(call)
    return lines


def error_head(error: TurnpikeError, call: Progress) -> bytes:
    """The head of an error of ours."""
    lines = call_lines(call.call_id) + error_lines(error)
    if call.tries:
        lines += b"x-turnpike-attempts: %d\r\n" % call.tries
    if call.target is not None:
        lines += b"x-turnpike-target: %b\r\n" % call.target.label
    return lines


def error_lines(error: TurnpikeError) -> bytes:
    """Type and hints of an error: what is worth repeating says when, as 429 and 503 do; 405 says what is taken."""
    if isinstance(error, MethodNotAllowed):
        return JSON_LINE + b"allow: %b\r\n" % ", ".join(error.allowed).encode()
    seconds = error.retry_after_seconds
    if seconds is None:
        if not error.worth_repeating:
            return JSON_LINE + b"x-should-retry: false\r\n"
        if error.http_status not in (429, 503):
            return JSON_LINE
        seconds = RETRY_SECONDS
    return JSON_LINE + b"retry-after: %d\r\nretry-after-ms: %d\r\nx-should-retry: true\r\n" % (
        math.ceil(seconds),
        math.ceil(seconds * 1000),
    )


def upstream_suffix(request: Request, suffix: bytes) -> bytes:
    """What follows a surface's path upstream: the rest of the path, and the caller's query."""
    query = request.query
    if not query:
        return suffix
    if QUERY_KEY in query:
        query = without_key(query)
    return suffix + (b"?" + query if query else b"")


def _timing_line(call: Progress) -> bytes:
    """Where the time went so far, in milliseconds (W3C Server Timing)."""
    received, dispatched = call.request.received_ns, call.dispatched_ns
    if dispatched is None:
        return b""
    line = b"server-timing: auth;dur=%.3f" % ((dispatched - received) / 1e6)
    if call.upstream_ended_ns is not None:
        line += b", upstream;dur=%.3f" % ((call.upstream_ended_ns - dispatched) / 1e6)
    return line + b"\r\n"
