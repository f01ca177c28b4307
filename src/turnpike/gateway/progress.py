"""What is known of a call while it is under way, and the outcome that comes of it."""

from __future__ import annotations

from turnpike.dialects.event_stream import AnswerFacts
from turnpike.dialects.speech import Speech
from turnpike.domain.call_status import CallStatus
from turnpike.domain.errors import InternalError, TurnpikeError
from turnpike.domain.ids import CallId
from turnpike.domain.outcome import Attempt, Outcome
from turnpike.domain.principal import Principal
from turnpike.domain.tags import Tags
from turnpike.ports.http import Request

NOTHING = AnswerFacts()


class Progress:
    """Filled in by the stages, in their order; read once, when the call has ended."""

    __slots__ = (
        "attempts",
        "call_id",
        "dispatched_ns",
        "error",
        "facts",
        "first_content_ns",
        "http_status",
        "model",
        "principal",
        "reached",
        "request",
        "speech",
        "status",
        "stream",
        "tags",
        "tries",
        "upstream_ended_ns",
    )

    def __init__(self, call_id: CallId, request: Request, speech: Speech) -> None:
        self.call_id = call_id
        self.request = request
        self.speech = speech
        self.principal: Principal | None = None
        self.tags: Tags = ()
        self.model: str | None = None
        self.stream = False
        self.tries = 0
        """Attempts so far, the one under way among them."""
        self.attempts: list[Attempt] = []
        self.reached = False
        """Whether a provider may have had the request, or some of it."""
        self.dispatched_ns: int | None = None
        self.first_content_ns: int | None = None
        self.upstream_ended_ns: int | None = None
        self.facts = NOTHING
        # Of a call whose end nobody tells, a fault of ours was the end.
        self.status = CallStatus.FAILED
        self.http_status = InternalError.http_status
        self.error: str | None = InternalError.code

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
