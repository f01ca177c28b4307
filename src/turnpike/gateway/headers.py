"""Which headers travel: the caller's upstream, the provider's back."""

from __future__ import annotations

from typing import Final

from turnpike.gateway.hop_marks import Marks, in_circle
from turnpike.gateway.upstream.retry_after import bounded_retry_after

OURS: Final = b"x-turnpike-"

KNOWN_NAMES: Final = 1024
KNOWN_NAME_BYTES: Final = 64
"""So many names of headers, of so many bytes, are known again."""

PLAIN: Final = frozenset((b"keep-alive", b"close"))
"""What a `connection` header nearly always says; it names no other header."""

NOT_UPSTREAM: Final = frozenset(
    (
        # what authenticates the caller to us
        b"authorization",
        b"x-api-key",
        b"api-key",
        b"x-goog-api-key",
        b"cookie",
        # callers of one provider account share its keys: one caller's key must not meet another's there
        b"idempotency-key",
        # hop by hop (RFC 9110, 7.6.1), and what the connection upstream says for itself
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"host",
        b"content-length",
        b"content-encoding",
        b"accept-encoding",
        b"expect",
        # the inside of the organisation's network is no provider's business
        b"forwarded",
        # which part of the gateway's own account is billed is for the configuration to say
        b"openai-organization",
        b"openai-project",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-forwarded-port",
        b"x-real-ip",
        b"origin",
        b"referer",
    )
)

NOT_BACK: Final = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"content-length",
        b"content-encoding",
        b"date",
        b"server",
        # what a provider lays down for its own host must not hold for the gateway's
        b"alt-svc",
        b"strict-transport-security",
        b"clear-site-data",
        b"nel",
        b"report-to",
        b"reporting-endpoints",
        b"set-cookie",
        b"set-cookie2",
        b"www-authenticate",
        b"request-id",
        b"x-request-id",
        b"access-control-allow-origin",
        b"access-control-allow-credentials",
        b"access-control-expose-headers",
        b"access-control-allow-headers",
        b"access-control-allow-methods",
        b"access-control-max-age",
    )
)


_NO_MARKS: Final[Marks] = {}


class Sieve(dict[bytes, bool]):
    """Which header names travel one way: all but `stays` and ours. Verdicts are remembered, so that most cost a look.

    What callers make up cannot fill the memory, nor keep out for good what others send: a full table begins anew.
    A name among `marks` raises CallInCircle. It is never remembered, so that it is looked for among names that are
    not known, and costs no other call anything.
    """

    def __init__(self, stays: frozenset[bytes], marks: Marks = _NO_MARKS) -> None:
        super().__init__()
        self.stays = stays
        self.marks = marks

    def __missing__(self, name: bytes) -> bool:
        """A name that is not known."""
        if name in self.marks:
            raise in_circle(self.marks[name])
        travels = name not in self.stays and not name.startswith(OURS)
        if len(name) <= KNOWN_NAME_BYTES:
            if len(self) >= KNOWN_NAMES:
                self.clear()
            self[name] = travels
        return travels


BACK: Final = Sieve(NOT_BACK)


def back_lines(headers: dict[bytes, bytes]) -> bytes:
    """The provider's header lines that go back to the caller."""
    if b"retry-after" in headers or b"retry-after-ms" in headers:
        headers = headers | {
            name: bounded_retry_after(name, headers[name])
            for name in (b"retry-after", b"retry-after-ms")
            if name in headers
        }
    return travelling_lines(headers, BACK)


def travelling_lines(headers: dict[bytes, bytes], sieve: Sieve) -> bytes:
    """The header lines that travel the way of `sieve`: a caller's upstream, say."""
    named = headers.get(b"connection")
    if named is not None and named not in PLAIN:
        listed = _listed(named)
        headers = {name: value for name, value in headers.items() if name not in listed}
    lines = [b": ".join(pair) for pair in headers.items() if sieve[pair[0]]]
    lines.append(b"")
    return b"\r\n".join(lines)


def _listed(named: bytes) -> set[bytes]:
    """The names in a `connection` header: they are of this hop alone (RFC 9110, 7.6.1)."""
    return {name.strip().lower() for name in named.split(b",")}
