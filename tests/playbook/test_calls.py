"""The ways that a call can go, each as a script."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.playbook.script import (
    CallerGets,
    CallerGetsError,
    CallerGetsNothing,
    CallerLeaves,
    CallerReadsNoMore,
    CallerReadsOn,
    CallerSends,
    Ends,
    Step,
    UpstreamAnswers,
    UpstreamExpects,
    UpstreamExpectsNothing,
    UpstreamFails,
    UpstreamIsLeft,
    UpstreamSends,
    perform,
)
from turnpike.domain.errors import UpstreamFailed, UpstreamInterrupted, UpstreamInvalid, UpstreamTimeout
from turnpike.ports.upstream import Unreached

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
CHAT_LINE = "POST /chat/completions HTTP/1.1"
ANSWER = b'{"choices":[],"new":1}'
EVENT_STREAM = {"content-type": "text/event-stream"}
DELTA = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


def asked(model: str = "gpt", *, stream: bool = False) -> CallerSends:
    return CallerSends(CHAT, {"model": model, "stream": stream})


def arrives(provider: str = "first", model: str = "gpt-4o-mini", *, stream: bool = False) -> UpstreamExpects:
    return UpstreamExpects(provider, CHAT_LINE, {"model": model, "stream": stream})


def streaming() -> tuple[Step, ...]:
    """A stream whose first event the caller has seen."""
    return (
        asked(stream=True),
        arrives(stream=True),
        UpstreamAnswers("first", 200, EVENT_STREAM),
        CallerGetsNothing(),
        UpstreamSends(DELTA),
        CallerGets(DELTA, 200, EVENT_STREAM),
    )


GOOD = (("first", "succeeded", None),)


def test_a_whole_answer(tmp_path: Path) -> None:
    perform(
        tmp_path,
        CallerSends(
            CHAT,
            {"model": "gpt", "extra": {"model": "gpt"}},
            {"cookie": "a=b", "x-turnpike-session": "s", "x-other": "1"},
            "beta=true",
        ),
        UpstreamExpects(
            "first",
            "POST /chat/completions?beta=true HTTP/1.1",
            {"model": "gpt-4o-mini", "extra": {"model": "gpt"}},
            without=("cookie", "x-api-key", "x-turnpike-session"),
        ),
        UpstreamAnswers("first"),
        UpstreamSends(ANSWER[:5]),
        CallerGetsNothing(),
        UpstreamSends(ANSWER[5:]),
        UpstreamSends(b""),
        CallerGets(ANSWER, 200, {"x-turnpike-target": "first/gpt-4o-mini", "x-turnpike-attempts": "1"}),
        UpstreamIsLeft(),
        Ends("succeeded", None, GOOD),
    )


def test_a_stream_to_its_end(tmp_path: Path) -> None:
    perform(
        tmp_path,
        *streaming(),
        UpstreamSends(DELTA[:9]),
        CallerGetsNothing(),
        UpstreamSends(DELTA[9:] + DONE[:3]),
        CallerGets(DELTA),
        UpstreamSends(DONE[3:]),
        CallerGets(DONE),
        UpstreamSends(b""),
        CallerGetsNothing(),
        UpstreamIsLeft(),
        Ends("succeeded", None, GOOD),
    )


def test_the_same_target_is_tried_again_where_nothing_was_sent(tmp_path: Path) -> None:
    perform(
        tmp_path,
        asked(),
        arrives(),
        UpstreamFails("first", Unreached("refused")),
        arrives(),
        UpstreamAnswers("first"),
        UpstreamSends(ANSWER),
        UpstreamSends(b""),
        CallerGets(ANSWER, 200, {"x-turnpike-attempts": "2"}),
        Ends("succeeded", None, (("first", "failed", "upstream_failed"), *GOOD)),
    )


def test_the_next_target_is_tried_where_the_first_stays_out_of_reach(tmp_path: Path) -> None:
    perform(
        tmp_path,
        asked("steady"),
        arrives(),
        UpstreamFails("first", Unreached("too slow", timed_out=True)),
        arrives(),
        UpstreamFails("first", Unreached("refused")),
        arrives("second", "gpt-4o"),
        UpstreamAnswers("second"),
        UpstreamSends(ANSWER),
        UpstreamSends(b""),
        CallerGets(ANSWER, 200, {"x-turnpike-attempts": "3", "x-turnpike-target": "second/gpt-4o"}),
        Ends(
            "succeeded",
            None,
            (
                ("first", "failed", "upstream_timeout"),
                ("first", "failed", "upstream_failed"),
                ("second", "succeeded", None),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (UpstreamFailed("closed"), 502, "upstream_failed"),
        (UpstreamTimeout("late"), 504, "upstream_timeout"),
        (UpstreamInvalid("no HTTP"), 502, "upstream_invalid"),
    ],
)
def test_nothing_is_tried_again_that_may_have_been_processed(
    tmp_path: Path, fault: Exception, status: int, code: str
) -> None:
    perform(
        tmp_path,
        asked("steady"),
        arrives(),
        UpstreamFails("first", fault),
        CallerGetsError(code, status),
        UpstreamExpectsNothing(),
        Ends("failed", code, (("first", "failed", code),)),
    )


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Unreached("refused"), 502, "upstream_failed"),
        (Unreached("slow", timed_out=True), 504, "upstream_timeout"),
    ],
)
def test_a_model_without_retries_is_tried_once(
    tmp_path: Path, fault: Exception, status: int, code: str
) -> None:
    perform(
        tmp_path,
        asked("once"),
        arrives(),
        UpstreamFails("first", fault),
        CallerGetsError(code, status),
        UpstreamExpectsNothing(),
        Ends("failed", code, (("first", "failed", code),)),
    )


@pytest.mark.parametrize(
    ("status", "code"), [(400, "upstream_rejected"), (429, "upstream_rate_limited"), (500, "upstream_failed")]
)
def test_the_providers_refusal_passes(tmp_path: Path, status: int, code: str) -> None:
    refusal = b'{"error":{"message":"no"}}'
    perform(
        tmp_path,
        asked("steady"),
        arrives(),
        UpstreamAnswers("first", status, {"content-type": "application/json", "retry-after": "999"}),
        UpstreamSends(refusal),
        UpstreamSends(b""),
        CallerGets(refusal, status, {"retry-after": "60", "x-turnpike-attempts": "1"}),
        UpstreamExpectsNothing(),
        UpstreamIsLeft(),
        Ends("failed", code, (("first", "failed", code),)),
    )


@pytest.mark.parametrize(
    ("status", "body", "told", "code"),
    [
        (401, b"{}", 502, "upstream_unauthorized"),
        (302, b"", 502, "upstream_invalid"),
        (200, b"", 502, "upstream_invalid"),
        (200, b"<html>", 502, "upstream_invalid"),
        (503, b"<html>", 502, "upstream_failed"),
        (504, b"<html>", 504, "upstream_timeout"),
        (413, b"<html>", 400, "invalid_request"),
        (429, b"<html>", 429, "upstream_rate_limited"),
    ],
)
def test_what_is_no_answer_is_told(tmp_path: Path, status: int, body: bytes, told: int, code: str) -> None:
    perform(
        tmp_path,
        asked(),
        arrives(),
        UpstreamAnswers("first", status),
        *([UpstreamSends(body)] if body else []),
        UpstreamSends(b""),
        CallerGetsError(code, told),
        UpstreamIsLeft(),
        Ends("failed", code, (("first", "failed", code),)),
    )


def test_an_answer_that_breaks_off(tmp_path: Path) -> None:
    perform(
        tmp_path,
        asked(),
        arrives(),
        UpstreamAnswers("first"),
        UpstreamSends(ANSWER[:5]),
        UpstreamSends(UpstreamInterrupted("gone")),
        CallerGetsError("upstream_interrupted", 502),
        UpstreamIsLeft(),
        Ends("failed", "upstream_interrupted", (("first", "failed", "upstream_interrupted"),)),
    )


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (b"", "upstream_interrupted"),
        (UpstreamInterrupted("gone"), "upstream_interrupted"),
        (UpstreamTimeout("silent"), "upstream_timeout"),
        (b"data: {broken\n\n", "upstream_invalid"),
    ],
)
def test_a_stream_that_is_cut(tmp_path: Path, end: bytes | Exception, code: str) -> None:
    perform(
        tmp_path,
        *streaming(),
        UpstreamSends(end),
        CallerGetsError(code, 200),
        UpstreamIsLeft(),
        Ends("interrupted", code, (("first", "interrupted", code),)),
    )


def test_a_stream_that_its_provider_fails(tmp_path: Path) -> None:
    error = b'data: {"error":{"message":"too much"}}\n\n'
    perform(
        tmp_path,
        *streaming(),
        UpstreamSends(error),
        CallerGets(error),
        UpstreamSends(b""),
        CallerGetsNothing(),
        UpstreamIsLeft(),
        Ends("failed", "upstream_failed", (("first", "failed", "upstream_failed"),)),
    )


def test_a_stream_waits_for_a_slow_caller(tmp_path: Path) -> None:
    perform(
        tmp_path,
        *streaming(),
        CallerReadsNoMore(),
        UpstreamSends(DELTA),
        UpstreamSends(DELTA),
        UpstreamSends(DONE),
        CallerGets(DELTA),
        CallerReadsOn(),
        CallerGets(DELTA + DONE),
        UpstreamSends(b""),
        Ends("succeeded", None, GOOD),
    )


def test_a_caller_that_leaves_before_the_answer(tmp_path: Path) -> None:
    perform(
        tmp_path,
        asked("steady"),
        arrives(),
        CallerLeaves(),
        UpstreamIsLeft(),
        UpstreamExpectsNothing(),
        Ends("cancelled", "client_closed", (("first", "cancelled", "client_closed"),)),
    )


def test_a_caller_that_leaves_amid_the_answer(tmp_path: Path) -> None:
    perform(
        tmp_path,
        asked(),
        arrives(),
        UpstreamAnswers("first"),
        UpstreamSends(ANSWER[:5]),
        CallerLeaves(),
        UpstreamIsLeft(),
        Ends("cancelled", "client_closed", (("first", "cancelled", "client_closed"),)),
    )


def test_a_caller_that_leaves_amid_the_stream(tmp_path: Path) -> None:
    perform(
        tmp_path,
        *streaming(),
        CallerLeaves(),
        UpstreamIsLeft(),
        Ends("cancelled", "client_closed", (("first", "cancelled", "client_closed"),)),
    )


def test_a_caller_that_leaves_at_the_terminator_had_everything(tmp_path: Path) -> None:
    perform(
        tmp_path,
        *streaming(),
        UpstreamSends(DONE),
        CallerGets(DONE),
        CallerLeaves(),
        UpstreamIsLeft(),
        Ends("succeeded", None, GOOD),
    )


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "outcome"),
    [
        (b"", {}, 411, "length_required", "failed"),
        (b"[]", {}, 400, "invalid_request", "failed"),
        ({"model": "nowhere"}, {}, 404, "model_not_found", "failed"),
        ({"model": "claude"}, {}, 400, "invalid_request", "failed"),
        ({"model": "gpt"}, {"x-turnpike-tags": "?"}, 400, "invalid_tags", "failed"),
        ({"model": "gpt"}, {"x-turnpike-timeout-ms": "soon"}, 400, "invalid_request", "failed"),
        ({"model": "gpt"}, {"x-turnpike-user": "bob"}, 403, "policy_denied", "denied"),
        ({"model": "gpt"}, {"x-api-key": "an-unknown-key-0001"}, 401, "invalid_key", "denied"),
    ],
)
def test_a_request_that_may_not_go_reaches_no_provider(
    tmp_path: Path, body: object, headers: dict[str, str], status: int, code: str, outcome: str
) -> None:
    perform(
        tmp_path,
        CallerSends(CHAT, body, headers),
        CallerGetsError(code, status),
        UpstreamExpectsNothing(),
        Ends(outcome, code),
    )


def test_a_response_that_was_kept_is_continued_by_its_owner(tmp_path: Path) -> None:
    answer = b'{"id":"resp_1","output":[]}'
    perform(
        tmp_path,
        CallerSends(RESPONSES, {"model": "gpt", "input": "x"}),
        UpstreamExpects("first", "POST /responses HTTP/1.1", {"model": "gpt-4o-mini", "input": "x"}),
        UpstreamAnswers("first"),
        UpstreamSends(answer),
        UpstreamSends(b""),
        CallerGets(answer),
        Ends("succeeded", None, GOOD),
    )


def test_a_message_in_anthropics_dialect(tmp_path: Path) -> None:
    start = b'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1"}}\n\n'
    ping = b'event: ping\ndata: {"type":"ping"}\n\n'
    stop = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
    perform(
        tmp_path,
        CallerSends(MESSAGES, {"model": "claude", "stream": True}, {"anthropic-version": "2023-06-01"}),
        UpstreamExpects(
            "claudes", "POST /v1/messages HTTP/1.1", {"model": "claude-sonnet-4-6", "stream": True}
        ),
        UpstreamAnswers("claudes", 200, EVENT_STREAM),
        UpstreamSends(start + ping),
        CallerGets(start + ping),
        UpstreamSends(stop),
        CallerGets(stop),
        UpstreamSends(b""),
        Ends("succeeded", None, (("claudes", "succeeded", None),)),
    )
