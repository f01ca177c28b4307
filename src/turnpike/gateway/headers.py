"""Which headers travel: the caller's upstream, the provider's back."""

from __future__ import annotations

from typing import Final

from turnpike.gateway.upstream.retry_after import bounded_retry_after

OURS: Final = b"x-turnpike-"

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


def upstream_lines(headers: dict[bytes, bytes], dropped: frozenset[bytes]) -> bytes:
    """The caller's header lines that go upstream, `dropped` (NOT_UPSTREAM and more) left out."""
    named = headers.get(b"connection")
    if named is not None and named not in PLAIN:
        dropped |= _listed(named)
    return b"".join(
        [
            b"%b: %b\r\n" % pair
            for pair in headers.items()
            if pair[0] not in dropped and not pair[0].startswith(OURS)
        ]
    )


def back_lines(headers: dict[bytes, bytes]) -> bytes:
    """The provider's header lines that go back to the caller."""
    lines = []
    named = headers.get(b"connection")
    dropped = NOT_BACK if named is None or named in PLAIN else NOT_BACK | _listed(named)
    for name, value in headers.items():
        if name in dropped or name.startswith(OURS):
            continue
        if name in (b"retry-after", b"retry-after-ms"):
            value = bounded_retry_after(name, value)
        lines.append(b"%b: %b\r\n" % (name, value))
    return b"".join(lines)


def _listed(named: bytes) -> set[bytes]:
    """The names in a `connection` header: they are of this hop alone (RFC 9110, 7.6.1)."""
    return {name.strip().lower() for name in named.split(b",")}
