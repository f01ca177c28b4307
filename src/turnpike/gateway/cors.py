"""Browsers of other origins: allowed where a setting names them (the Fetch standard, 3.2)."""

from __future__ import annotations

from typing import Final

METHODS: Final = b"GET, HEAD, POST, DELETE, OPTIONS"
MAX_AGE_SECONDS: Final = 600


def origin_lines(origins: frozenset[str], headers: dict[bytes, bytes]) -> bytes:
    """The lines that let a page of the request's origin read the answer; none if it may not."""
    origin = headers.get(b"origin")
    if origin is None or not origins:
        return b""
    if "*" in origins:
        return b"access-control-allow-origin: *\r\naccess-control-expose-headers: *\r\n"
    if origin.decode("latin-1") not in origins:
        return b"vary: origin\r\n"
    return b"access-control-allow-origin: %b\r\naccess-control-expose-headers: *\r\nvary: origin\r\n" % origin


def preflight_lines(origins: frozenset[str], headers: dict[bytes, bytes]) -> bytes:
    """What a preflight is told beside `origin_lines`; nothing where the origin may not call."""
    if b"allow-origin" not in origin_lines(origins, headers):
        return b""
    lines = b"access-control-allow-methods: %b\r\n" % METHODS
    wished = headers.get(b"access-control-request-headers")
    if wished is not None:
        lines += b"access-control-allow-headers: %b\r\n" % wished
    return lines + b"access-control-max-age: %d\r\n" % MAX_AGE_SECONDS
