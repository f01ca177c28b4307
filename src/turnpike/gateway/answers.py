"""What goes back to the caller when a provider has answered: whole answers and refusals of its own."""

from __future__ import annotations

from typing import Final

import msgspec

from turnpike.dialects.speech import Speech
from turnpike.domain.errors import (
    InvalidRequest,
    TurnpikeError,
    UpstreamFailed,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamUnauthorized,
)
from turnpike.gateway.upstream.packed import unpacked
from turnpike.ports.upstream import Answer

ANSWER_MAX_BYTES: Final = 134_217_728
ERROR_MAX_BYTES: Final = 1_048_576
EXCERPT_CHARACTERS: Final = 200

UNAUTHORIZED_STATUSES: Final = frozenset((401, 402, 403))
"""What concerns the gateway's own account at the provider, and is no fault of the caller's."""


class ProviderError(Exception):
    """The provider refused the call, in words that the caller's SDK parses: they pass through."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"provider answered {status}")
        self.status = status
        self.body = body

    @property
    def code(self) -> str:
        """What the outcome says of it."""
        if self.status == 429:
            return "upstream_rate_limited"
        return "upstream_rejected" if self.status < 500 else UpstreamFailed.code


async def read_whole(answer: Answer) -> bytes:
    """The body of a good answer, unpacked. Raises UpstreamInvalid, or as `Answer.whole` does."""
    body = await answer.whole(ANSWER_MAX_BYTES)
    if b"content-encoding" in answer.headers:
        return unpacked(body, answer.headers[b"content-encoding"], ANSWER_MAX_BYTES)
    return body


async def raise_for_status(answer: Answer, speech: Speech, provider: str) -> None:
    """Return where the status is a good one.

    Raises ProviderError where the provider's refusal may be shown as it is, UpstreamUnauthorized
    where it refused our credential, UpstreamInvalid, UpstreamFailed, UpstreamTimeout or
    InvalidRequest where what it says is not of its dialect.
    """
    status = answer.status
    if 200 <= status < 300:
        return
    if status in UNAUTHORIZED_STATUSES:
        raise UpstreamUnauthorized(
            f"The provider {provider} refused the gateway's credential (status {status}). "
            f"Whoever runs the gateway must look at it: `turnpike doctor`."
        )
    if status < 400:
        raise UpstreamInvalid(f"The provider {provider} answered with a redirect ({status}).")
    body = await answer.whole(ERROR_MAX_BYTES)
    if b"content-encoding" in answer.headers:
        body = unpacked(body, answer.headers[b"content-encoding"], ERROR_MAX_BYTES)
    if speech.errors.is_error(body) or _is_json_object(body):
        raise ProviderError(status, body)
    raise _foreign(status, body, provider)


def _foreign(status: int, body: bytes, provider: str) -> TurnpikeError:
    """The error for a status whose body is not of the dialect: an HTML page, a bare line."""
    said = f"The provider {provider} answered {status}: {_excerpt(body)}"
    if status in (408, 504):
        return UpstreamTimeout(said)
    if status >= 500 or status == 429:
        return UpstreamFailed(said)
    if status in (400, 413, 422):
        return InvalidRequest(said)
    return UpstreamInvalid(said)


def _excerpt(body: bytes) -> str:
    text = " ".join(body[:1000].decode("utf-8", "replace").split())[:EXCERPT_CHARACTERS]
    if text.startswith("<"):
        return "(a page of HTML)"
    return text or "(nothing)"


_object_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _is_json_object(body: bytes) -> bool:
    try:
        _object_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
