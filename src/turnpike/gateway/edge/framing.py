"""The one rule of framing: what a request may look like, decided without I/O.

llhttp in its strict mode refuses most of what request smuggling lives on (both lengths, a
repeated or odd length, a bare LF, white space before a colon, folded lines). What it lets pass is
refused here. Sources: RFC 9110 and RFC 9112, sections 2 to 7.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from turnpike.domain.errors import (
    ExpectationFailed,
    HeadersTooLarge,
    InvalidRequest,
    PayloadTooLarge,
    TurnpikeError,
    UnsupportedMediaType,
)
from turnpike.gateway.edge.limits import EdgeLimits

SINGLE_HEADERS: Final = frozenset(
    (
        b"host",
        b"content-length",
        b"content-type",
        b"content-encoding",
        b"transfer-encoding",
        b"authorization",
        b"x-api-key",
        b"api-key",
        b"x-goog-api-key",
        b"expect",
        b"idempotency-key",
    )
)
"""Headers whose meaning would depend on who reads which of two."""

Line = tuple[bytes, bytes]
"""A header line: its name as it was sent, and its value."""

_TARGET: Final = re.compile(rb"[!\"$-~]+")
"""Visible ASCII but `#`: a fragment is the caller's own business (RFC 9112, 3.2)."""

KNOWN_TARGETS: Final = 1024
KNOWN_TARGET_BYTES: Final = 256
"""Most calls go to a few addresses: so many, of so many bytes, are known again."""

ZERO: Final = ord("0")
UNUSUAL_HEADERS: Final = frozenset((b"upgrade", b"transfer-encoding", b"content-encoding", b"expect"))
METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
ENCODINGS: Final = frozenset((b"gzip", b"x-gzip", b"zstd"))


def split_target(target: bytes) -> tuple[str, bytes]:
    """Path and query of a request target in origin or absolute form.

    Raises InvalidRequest where it is neither, has a fragment, or is not visible ASCII.
    """
    return _split_known(target) if len(target) <= KNOWN_TARGET_BYTES else _split(target)


def _split(target: bytes) -> tuple[str, bytes]:
    if _TARGET.fullmatch(target) is None:
        raise InvalidRequest("The request target may hold visible ASCII characters only, and no `#`.")
    if target[:1] != b"/":
        target = _origin_form(target)
    path, _, query = target.partition(b"?")
    return path.decode("ascii"), query


_split_known: Final = lru_cache(KNOWN_TARGETS)(_split)


def _origin_form(target: bytes) -> bytes:
    if target == b"*":
        return target
    for scheme in (b"http://", b"https://"):
        if target[: len(scheme)].lower() == scheme:
            host, slash, rest = target[len(scheme) :].partition(b"/")
            if host:
                return slash + rest if slash else b"/"
    raise InvalidRequest("The request target must be a path that begins with a slash.")


def join_lines(lines: list[Line]) -> dict[bytes, bytes]:
    """Header lines as one value for each name, in lower case (RFC 9110, 5.3)."""
    headers = {name.lower(): value for name, value in lines}
    if len(headers) < len(lines):
        headers = {}
        for name, value in lines:
            name = name.lower()
            headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def check_repeated(lines: list[Line]) -> InvalidRequest | None:
    """The fault of lines among which one of `SINGLE_HEADERS` stands twice."""
    seen = set()
    for line in lines:
        name = line[0].lower()
        if name in seen and name in SINGLE_HEADERS:
            return InvalidRequest(f"The header {name.decode()} came twice.")
        seen.add(name)
    return None


def check_head(
    method: str, version: str, headers: dict[bytes, bytes], limits: EdgeLimits
) -> TurnpikeError | None:
    """The fault of a request's head, None where it may go on. Header names are lower-case."""
    if version not in ("1.1", "1.0"):
        return InvalidRequest("The gateway speaks HTTP/1.1 (and 1.0).")
    if method not in METHODS:
        return InvalidRequest(f"The method {method} is not one that HTTP APIs use.")
    if version == "1.1" and b"host" not in headers:
        return InvalidRequest("An HTTP/1.1 request needs a host header.")
    length = headers.get(b"content-length")
    if length is not None:
        if length[0] == ZERO and len(length.rstrip()) > 1:
            return InvalidRequest("A content-length has no leading zeros: some would read it as octal.")
        if int(length) > limits.body_bytes:
            return too_large(limits)
    return None if UNUSUAL_HEADERS.isdisjoint(headers) else _check_unusual(version, headers)


def _check_unusual(version: str, headers: dict[bytes, bytes]) -> TurnpikeError | None:
    if b"upgrade" in headers:
        return InvalidRequest("The gateway does not upgrade connections; leave the header out.")
    coding = headers.get(b"transfer-encoding")
    if coding is not None and (version == "1.0" or coding.lower() != b"chunked"):
        return InvalidRequest("The only transfer-encoding is `chunked`, in HTTP/1.1.")
    encoding = headers.get(b"content-encoding", b"identity").lower()
    if encoding != b"identity" and encoding not in ENCODINGS:
        return UnsupportedMediaType("A body may be packed with gzip or zstd, or not at all.")
    expect = headers.get(b"expect")
    if expect is not None and expect.lower() != b"100-continue":
        return ExpectationFailed("The only expectation that is met is `100-continue`.")
    return None


def too_large(limits: EdgeLimits) -> PayloadTooLarge:
    """The refusal of a body over its bound."""
    return PayloadTooLarge(f"A request body may have {limits.body_bytes} bytes at most.")


def head_too_large(limits: EdgeLimits) -> HeadersTooLarge:
    """The refusal of a head over its bounds."""
    return HeadersTooLarge(
        f"Request line and headers may have {limits.head_bytes} bytes and "
        f"{limits.header_count} lines at most."
    )
