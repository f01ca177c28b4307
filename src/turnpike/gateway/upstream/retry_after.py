"""How long a caller is told to wait: what the provider says, within a bound.

SDKs sleep as long as they are told (Anthropic's without a bound of its own).
"""

from __future__ import annotations

from typing import Final

RETRY_AFTER_MAX_SECONDS: Final = 60


def bounded_retry_after(name: bytes, value: bytes) -> bytes:
    """The value of `retry-after` (seconds or a date) or `retry-after-ms`, at most the bound."""
    most = RETRY_AFTER_MAX_SECONDS * (1000 if name.endswith(b"-ms") else 1)
    try:
        return value if 0 <= float(value) <= most else b"%d" % most
    except ValueError:
        return b"%d" % most
