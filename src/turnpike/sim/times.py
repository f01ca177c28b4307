"""Moments and spans in the forms in which the providers write them."""

from __future__ import annotations

from datetime import UTC, datetime

from turnpike.ports.clock import SECOND_NS


def rfc3339(at_ns: int) -> str:
    """A moment in whole seconds, UTC."""
    return datetime.fromtimestamp(at_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def openai_span(seconds: float) -> str:
    """A span as in `x-ratelimit-reset-…`: 120ms, 8.64s, 6m0s."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}m{rest:.3g}s" if minutes else f"{rest:.4g}s"
