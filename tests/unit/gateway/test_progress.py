"""What a call's outcome says of its end."""

from __future__ import annotations

from turnpike.dialects.openai_chat import CHAT
from turnpike.domain.call_status import CallStatus
from turnpike.domain.errors import MissingKey
from turnpike.domain.ids import CallId
from turnpike.gateway.progress import Progress
from turnpike.ports.http import Request


def a_progress() -> Progress:
    return Progress(CallId("c"), Request("POST", "/", b"", {}, b"", "", 0), CHAT)


def ended(call: Progress) -> tuple[CallStatus, int, str | None]:
    outcome = call.outcome(1)
    return outcome.status, outcome.http_status, outcome.error


def test_a_call_whose_end_nobody_told_ended_in_a_fault_of_ours() -> None:
    assert ended(a_progress()) == (CallStatus.FAILED, 500, "internal_error")


def test_a_whole_answer_is_a_good_end() -> None:
    call = a_progress()
    call.end_well(201)
    assert ended(call) == (CallStatus.SUCCEEDED, 201, None)


def test_an_error_of_ours_is_the_end_that_it_names() -> None:
    call = a_progress()
    call.end_badly(MissingKey("none"))
    assert ended(call) == (CallStatus.DENIED, 401, "missing_key")
