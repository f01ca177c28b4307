"""The caller's own deadlines, within those of the route."""

from __future__ import annotations

from typing import Final

import msgspec

from turnpike.domain.errors import InvalidRequest
from turnpike.domain.snapshot import TimeLimits
from turnpike.ports.upstream import Patience

TIMEOUT: Final = b"x-turnpike-timeout-ms"
FIRST_TOKEN_TIMEOUT: Final = b"x-turnpike-first-token-timeout-ms"

DIGITS_MAX: Final = 12


class Wishes(msgspec.Struct, frozen=True, gc=False):
    """How long a caller is willing to wait, in seconds; None leaves it to the route."""

    total_seconds: float | None = None
    first_token_seconds: float | None = None

    def patience(self, limits: TimeLimits, began: float) -> Patience:
        """The limits of an attempt of a call that began at the loop's time `began`."""
        total, first = limits.total_seconds, limits.first_byte_seconds
        if self.total_seconds is not None:
            total = min(total, self.total_seconds)
        first_content_at = total_at = began + total
        if self.first_token_seconds is not None:
            first = min(first, self.first_token_seconds)
            first_content_at = min(began + first, total_at)
        return Patience(limits.connect_seconds, first, limits.idle_seconds, total_at, first_content_at)


NO_WISHES: Final = Wishes()


def read_wishes(headers: dict[bytes, bytes]) -> Wishes:
    """The deadlines among a request's headers. Raises InvalidRequest where one is no number."""
    total, first = headers.get(TIMEOUT), headers.get(FIRST_TOKEN_TIMEOUT)
    if total is first is None:
        return NO_WISHES
    return Wishes(_seconds(TIMEOUT, total), _seconds(FIRST_TOKEN_TIMEOUT, first))


def _seconds(name: bytes, value: bytes | None) -> float | None:
    if value is None:
        return None
    if not value.isdigit() or len(value) > DIGITS_MAX or not 1 <= int(value) <= 86_400_000:
        raise InvalidRequest(
            f"{name.decode()} takes whole milliseconds from 1 to 86400000, not "
            f"{value[:40].decode('latin-1')!r}."
        )
    return int(value) / 1000
