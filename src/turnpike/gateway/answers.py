"""What goes back to the caller when a provider has answered: whole answers and refusals of its own."""

from __future__ import annotations

from functools import partial
from typing import Final, NoReturn

import msgspec

from turnpike.domain.errors import (
    InvalidRequest,
    TurnpikeError,
    UpstreamFailed,
    UpstreamInvalid,
    UpstreamRateLimited,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnauthorized,
)
from turnpike.gateway.aside import Aside
from turnpike.gateway.dispatch import Dispatched
from turnpike.gateway.uplink import Uplink
from turnpike.gateway.upstream.packed import unpacked
from turnpike.gateway.upstream.retry_after import bounded_retry_after
from turnpike.ports.upstream import Answer

ANSWER_MAX_BYTES: Final = 134_217_728
ERROR_MAX_BYTES: Final = 1_048_576
EXCERPT_CHARACTERS: Final = 200

CONTENTS: Final = {
    b"": "without a content-type",
    b"text/html": "an HTML page",
    b"text/plain": "plain text",
    b"text/event-stream": "a stream of events",
    b"application/json": "as JSON",
}

UNAUTHORIZED_STATUSES: Final = frozenset((401, 402, 403))
"""What concerns the gateway's own account at the provider, and is no fault of the caller's."""
PROXY_UNAUTHORIZED_STATUS: Final = 407
REDIRECT_STATUSES: Final = range(300, 400)
REFUSAL_STATUSES: Final = range(400, 600)


class ProviderError(Exception):
    """The provider refused the call, in words that the caller's SDK parses: they pass through."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"provider answered {status}")
        self.status = status
        self.body = body

    @property
    def code(self) -> str:
        """What the outcome says of it."""
        return self.kind.code

    @property
    def kind(self) -> type[TurnpikeError]:
        """The error that it is."""
        return _kind(self.status)


async def read_whole(answer: Answer, aside: Aside) -> bytes:
    """The body of a good answer, unpacked. Raises UpstreamInvalid, or as `Answer.whole` does."""
    body = await answer.whole(ANSWER_MAX_BYTES)
    if b"content-encoding" in answer.headers:
        return await aside.run(partial(unpacked, body, answer.headers[b"content-encoding"], ANSWER_MAX_BYTES))
    return body


async def raise_refusal(answer: Answer, uplink: Uplink, aside: Aside) -> NoReturn:
    """What a status says that is not a good one.

    Raises ProviderError where the provider's refusal may be shown, with its own status and body;
    UpstreamUnauthorized where our credential was refused; where what it says is no refusal of any API
    UpstreamInvalid, UpstreamFailed, UpstreamRateLimited, UpstreamTimeout or InvalidRequest.
    """
    status = answer.status
    _check_refusal(status, uplink)
    body = await answer.whole(ERROR_MAX_BYTES)
    if b"content-encoding" in answer.headers:
        body = await aside.run(partial(unpacked, body, answer.headers[b"content-encoding"], ERROR_MAX_BYTES))
    if _is_json_object(body):
        raise ProviderError(status, body)
    raise _foreign(answer, f"The provider {uplink.provider} answered {status}: {_excerpt(body)}")


def _check_refusal(status: int, uplink: Uplink) -> None:
    """Raises what a status says by itself, whatever comes with it."""
    provider = uplink.provider
    if status in UNAUTHORIZED_STATUSES:
        refused = (
            "refused the gateway's credential"
            if uplink.has_credential
            else "wants a credential, and none is configured"
        )
        raise UpstreamUnauthorized(
            f"The provider {provider} {refused} (status {status}). "
            f"Whoever runs the gateway must look at it: `turnpike doctor`."
        )
    if status == PROXY_UNAUTHORIZED_STATUS:
        raise UpstreamUnauthorized(
            f"The proxy on the way to the provider {provider} wants a user and password, or others (status "
            f"{status}). Whoever runs the gateway must look at the provider's `proxy`."
        )
    if status in REDIRECT_STATUSES:
        raise UpstreamInvalid(f"The provider {provider} answered with a redirect ({status}).")
    if status not in REFUSAL_STATUSES:
        raise UpstreamInvalid(f"The provider {provider} answered with {status}, which is no status of HTTP.")


def _kind(status: int) -> type[TurnpikeError]:
    """The error that a provider's refusal is."""
    if status == UpstreamRateLimited.http_status:
        return UpstreamRateLimited
    return UpstreamRejected if status < 500 else UpstreamFailed


def _foreign(answer: Answer, said: str) -> TurnpikeError:
    """The error for a status whose body is no JSON object: an HTML page, a bare line."""
    status = answer.status
    reason = "The provider answered with what is no JSON object."
    if status in (408, 504):
        return UpstreamTimeout(said, reason=reason)
    if status == UpstreamRateLimited.http_status:
        seconds = _retry_after_seconds(answer)
        return UpstreamRateLimited(said, retry_after_seconds=seconds, reason=reason)
    if status >= 500:
        return UpstreamFailed(said, reason=reason)
    if status in (400, 413, 422):
        return InvalidRequest(said)
    return UpstreamInvalid(said, reason=reason)


def told_of(error: TurnpikeError, dispatched: Dispatched) -> TurnpikeError:
    """The error as the caller is told it: of an answer that is none, also whose it was and what came."""
    if not isinstance(error, UpstreamInvalid):
        return error
    answer = dispatched.answer
    came = _content(answer.headers.get(b"content-type", b""))
    said = f"{error.message} It came from the provider {dispatched.way.uplink.provider}: status {answer.status}, {came}."
    return UpstreamInvalid(said, reason=f"{error.reason} It was {came}.")


def _content(content_type: bytes) -> str:
    """What an answer says it is, in words of ours alone."""
    return CONTENTS.get(content_type.partition(b";")[0].strip().lower(), "of another content-type")


def _retry_after_seconds(answer: Answer) -> float | None:
    value = answer.headers.get(b"retry-after")
    return None if value is None else float(bounded_retry_after(b"retry-after", value))


def _excerpt(body: bytes) -> str:
    text = " ".join(body[:1000].decode("utf-8", "replace").split())[:EXCERPT_CHARACTERS]
    if text.startswith("<"):
        return "(a page of HTML)"
    return text or "(nothing)"


_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _is_json_object(body: bytes) -> bool:
    """What each SDK shows as it is, also where it is not of the dialect's own form."""
    try:
        _object_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
