"""Why a call was cancelled: its caller went away, or the gateway stops and cannot wait for it."""

from __future__ import annotations

import asyncio

from turnpike.domain.errors import ClientClosed, CutByDrain
from turnpike.ports.http import OUT_OF_TIME


def is_out_of_time(cancelled: asyncio.CancelledError) -> bool:
    """Whether the server ended what it cannot wait for, while the caller is still there."""
    return OUT_OF_TIME in cancelled.args


def why_cancelled(cancelled: asyncio.CancelledError) -> ClientClosed | CutByDrain:
    """What the outcome says of it, and the caller is told if it is still there."""
    if is_out_of_time(cancelled):
        return CutByDrain(
            "The gateway stopped before this call was answered. Whether it was executed is not known."
        )
    return ClientClosed("The caller went away.")
