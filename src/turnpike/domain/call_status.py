"""The ways in which a call, or one attempt of it, can end."""

from __future__ import annotations

from enum import StrEnum


class CallStatus(StrEnum):
    """Every way that a call can end."""

    SUCCEEDED = "succeeded"
    DENIED = "denied"
    REFUSED = "refused"
    BLOCKED = "blocked"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
