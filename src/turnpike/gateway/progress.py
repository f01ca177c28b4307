"""What is known of a call while it is under way, and the outcome that comes of it."""

from __future__ import annotations

import msgspec

from turnpike.dialects.event_stream import AnswerFacts
from turnpike.dialects.speech import Speech
from turnpike.domain.call_status import CallStatus
from turnpike.domain.errors import InternalError, TurnpikeError
from turnpike.domain.ids import CallId
from turnpike.domain.outcome import Attempt, Outcome
from turnpike.domain.principal import Principal
from turnpike.domain.tags import Tags
from turnpike.gateway.catalogue import Way
from turnpike.ports.http import Request

NOTHING = AnswerFacts()


class Progress(msgspec.Struct, gc=False, eq=False):
    """Filled in by the stages, in their order; read once, when the call has ended.

    tries: attempts so far, the one under way among them. reached: whether a provider may have had the request, or some
    of it. target: the last that was tried in vain, and answered: the status it answered with. Of a call whose end nobody tells, a fault of ours was the end.
    """

    call_id: CallId
    request: Request
    speech: Speech
    principal: Principal | None = None
    tags: Tags = ()
    model: str | None = None
    stream: bool = False
    tries: int = 0
    target: Way | None = None
    answered: int | None = None
    attempts: list[Attempt] = []
    reached: bool = False
    dispatched_ns: int | None = None
    first_content_ns: int | None = None
    upstream_ended_ns: int | None = None
    facts: AnswerFacts = NOTHING
    status: CallStatus = CallStatus.FAILED
    http_status: int = InternalError.http_status
    error: str | None = InternalError.code

    def end_well(self, http_status: int) -> None:
        """The call ends with the provider's whole answer."""
        self.status = CallStatus.SUCCEEDED
        self.http_status = http_status
        self.error = None

    def end_badly(self, error: TurnpikeError) -> None:
        """The call ends in an error of ours."""
        self.error = error.code
        self.http_status = error.http_status
        self.status = error.ends_as

    def outcome(self, ended_ns: int) -> Outcome:
        """The call as it ended."""
        facts = self.facts
        return Outcome(
            self.call_id,
            self.speech.surface,
            self.speech.operation,
            self.stream,
            self.status,
            self.http_status,
            self.error,
            self.principal,
            self.tags,
            self.model,
            tuple(self.attempts),
            self.request.received_ns,
            ended_ns,
            self.dispatched_ns,
            self.first_content_ns,
            self.upstream_ended_ns,
            facts.id,
            facts.usage,
        )
