"""Every error a caller can meet: its public code and its HTTP status, in one place.

A code, once published, is never renamed. The message says what is wrong and how to mend it, and
holds nothing secret. Dialects turn these into the body that their SDK parses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from turnpike.domain.call_status import CallStatus


class TurnpikeError(Exception):
    """Something that a caller is told; subclasses name what happened.

    ends_as: how a call ended that this was the end of. worth_repeating: whether the same request may
    fare better; callers are told where it will not, since SDKs would repeat a 409 and every 5xx.
    call_id: under which a caller was told of it; None where nobody was yet.
    reason: the message as it may be logged: without anything that a caller or a provider wrote.
    """

    code: ClassVar[str]
    http_status: ClassVar[int]
    ends_as: ClassVar[CallStatus] = CallStatus.FAILED
    worth_repeating: ClassVar[bool] = True

    def __init__(
        self, message: str, *, retry_after_seconds: float | None = None, reason: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason if reason is not None else message
        self.retry_after_seconds = retry_after_seconds
        self.call_id: str | None = None


class InvalidRequest(TurnpikeError):
    """The request breaks a rule of HTTP or of its dialect."""

    code, http_status = "invalid_request", 400


class FaultyDocument(InvalidRequest):
    """A document of resources cannot be applied; `faults` holds each reason, for people and as values."""

    def __init__(self, message: str, faults: Sequence[object]) -> None:
        super().__init__(message)
        self.faults = faults


class InvalidJson(TurnpikeError):
    """The body is not JSON, or not one object."""

    code, http_status = "invalid_json", 400


class UnsupportedParameter(TurnpikeError):
    """The target cannot carry what the request asks for."""

    code, http_status = "unsupported_parameter", 400


class InvalidTags(TurnpikeError):
    """Tags are malformed, too many, or one that is required is missing."""

    code, http_status = "invalid_tags", 400


class MissingKey(TurnpikeError):
    """No key came with the request."""

    code, http_status = "missing_key", 401
    ends_as = CallStatus.DENIED


class InvalidKey(TurnpikeError):
    """The key is mistyped, unknown, or not valid from this network."""

    code, http_status = "invalid_key", 401
    ends_as = CallStatus.DENIED


class ExpiredKey(TurnpikeError):
    """The key was valid until a moment that has passed."""

    code, http_status = "expired_key", 401
    ends_as = CallStatus.DENIED


class RevokedKey(TurnpikeError):
    """The key was withdrawn."""

    code, http_status = "revoked_key", 401
    ends_as = CallStatus.DENIED


class ModelNotAllowed(TurnpikeError):
    """The caller may not use this model."""

    code, http_status = "model_not_allowed", 403
    ends_as = CallStatus.DENIED


class SurfaceNotAllowed(TurnpikeError):
    """The caller may not use this surface."""

    code, http_status = "surface_not_allowed", 403
    ends_as = CallStatus.DENIED


class PolicyDenied(TurnpikeError):
    """A rule of the organisation forbids this call."""

    code, http_status = "policy_denied", 403
    ends_as = CallStatus.DENIED


class PermissionDenied(TurnpikeError):
    """The caller's role does not allow this operation of the control API."""

    code, http_status = "permission_denied", 403
    ends_as = CallStatus.DENIED


class ModelNotFound(TurnpikeError):
    """No configured model has this name."""

    code, http_status = "model_not_found", 404


class NotFound(TurnpikeError):
    """There is nothing at this address."""

    code, http_status = "not_found", 404


class MethodNotAllowed(TurnpikeError):
    """The address exists, but not for this method; `allowed` are those that it is for."""

    code, http_status = "method_not_allowed", 405

    def __init__(self, message: str, allowed: Sequence[str]) -> None:
        super().__init__(message)
        self.allowed = tuple(allowed)


class RequestTimeout(TurnpikeError):
    """The request did not arrive whole within the time that the edge gives it."""

    code, http_status = "request_timeout", 408


class Conflict(TurnpikeError):
    """The thing was changed by somebody else meanwhile, or is in use."""

    code, http_status = "conflict", 409
    worth_repeating = False


class IdempotencyMismatch(TurnpikeError):
    """The idempotency key came first with another request."""

    code, http_status = "idempotency_mismatch", 409
    worth_repeating = False


class ProvisionRefused(Conflict):
    """Gateway workers cannot serve from a configuration; `workers` says why, by worker."""

    def __init__(self, message: str, workers: Mapping[str, str]) -> None:
        super().__init__(message)
        self.workers = workers


class PreconditionFailed(TurnpikeError):
    """The thing is not (or no longer) what the request's `If-Match` or `If-None-Match` names."""

    code, http_status = "conflict", 412
    worth_repeating = False


class LengthRequired(TurnpikeError):
    """A body needs content-length or chunked encoding."""

    code, http_status = "length_required", 411


class PayloadTooLarge(TurnpikeError):
    """The body is larger than the edge takes."""

    code, http_status = "payload_too_large", 413


class UnsupportedMediaType(TurnpikeError):
    """The body's content-type or content-encoding is not one that is read."""

    code, http_status = "unsupported_media_type", 415


class ExpectationFailed(TurnpikeError):
    """The request expects something other than `100-continue`."""

    code, http_status = "expectation_failed", 417


class RateLimited(TurnpikeError):
    """Too many requests came within a time; `retry_after_seconds` says when the next is taken."""

    code, http_status = "rate_limited", 429
    ends_as = CallStatus.REFUSED


class HeadersTooLarge(TurnpikeError):
    """The request line or the headers are larger or more than the edge takes."""

    code, http_status = "headers_too_large", 431


class ClientClosed(TurnpikeError):
    """The caller went away; nobody reads this but the record."""

    code, http_status = "client_closed", 499
    ends_as = CallStatus.CANCELLED


class UpstreamFailed(TurnpikeError):
    """The provider could not be reached, or failed without an answer."""

    code, http_status = "upstream_failed", 502


class CallInCircle(UpstreamFailed):
    """The call came back to the gateway that had sent it to a provider: that provider's address leads here."""

    worth_repeating = False


class UpstreamInvalid(TurnpikeError):
    """The provider's answer is not what its dialect allows."""

    code, http_status = "upstream_invalid", 502
    worth_repeating = False


class UpstreamRejected(TurnpikeError):
    """The provider refused the call as a fault of the caller's, in its own words; only the record says this."""

    code, http_status = "upstream_rejected", 400


class UpstreamRateLimited(TurnpikeError):
    """The provider takes no further call for now."""

    code, http_status = "upstream_rate_limited", 429


class UpstreamUnauthorized(TurnpikeError):
    """The provider, or the proxy on the way to it, refused the gateway's own credential."""

    code, http_status = "upstream_unauthorized", 502
    worth_repeating = False


class UpstreamInterrupted(TurnpikeError):
    """The provider's answer was cut after it had begun."""

    code, http_status = "upstream_interrupted", 502


class UpstreamTimeout(TurnpikeError):
    """The provider did not answer within a time limit."""

    code, http_status = "upstream_timeout", 504


class UpstreamUnavailable(TurnpikeError):
    """No target of this model can be used now."""

    code, http_status = "upstream_unavailable", 503


class Overloaded(TurnpikeError):
    """The gateway has as many calls, connections or bytes in hand as it takes."""

    code, http_status = "overloaded", 503
    ends_as = CallStatus.REFUSED


class Draining(TurnpikeError):
    """The gateway is stopping and takes no new call."""

    code, http_status = "draining", 503
    ends_as = CallStatus.REFUSED


class CutByDrain(TurnpikeError):
    """The gateway stopped before the call was answered; the provider may have executed it."""

    code, http_status = "draining", 503
    worth_repeating = False


class NotReady(TurnpikeError):
    """The gateway has no configuration yet."""

    code, http_status = "not_ready", 503
    ends_as = CallStatus.REFUSED


class StoreUnavailable(TurnpikeError):
    """The control plane's store cannot be reached or used."""

    code, http_status = "store_unavailable", 503


class InternalError(TurnpikeError):
    """A fault of our own; the log has its details under the call's id."""

    code, http_status = "internal_error", 500
