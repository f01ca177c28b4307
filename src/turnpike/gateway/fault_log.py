"""One line of the log for each call that ends badly: by it, an operator finds what a caller's call id stands for.

Nothing that a caller or a provider wrote is in it: names that are configured, codes, statuses, and reasons in our words.
"""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from turnpike.domain.errors import InternalError, TurnpikeError, UpstreamRateLimited, UpstreamUnauthorized
from turnpike.gateway.progress import Progress

SAY_SECONDS: Final = 1.0
"""Between two lines on the same provider and code."""


class FaultLog:
    """Logs how calls end; make it inside a running loop."""

    def __init__(self) -> None:
        self._now = asyncio.get_running_loop().time
        self._said_at: dict[tuple[str, str], float] = {}
        self._left_out: dict[tuple[str, str], int] = {}

    def note(self, call: Progress, kind: type[TurnpikeError], reason: str) -> None:
        """Log the end of a call: at "warning" or "error" what an operator can mend, at "debug" what the caller can.

        Of the former, the first of each second, provider and code; the next line says how many were left out.
        `reason` holds nothing of a prompt, an answer or a header.
        """
        log = structlog.get_logger()
        code = call.error
        if kind is InternalError:  # "call.fault" has said it, with its traceback
            return
        if kind.http_status < 500 and kind is not UpstreamRateLimited:
            log.debug(
                "call.refused",
                call=call.call_id,
                surface=call.speech.surface,
                status=call.http_status,
                code=code,
            )
            return
        target = call.target
        provider = target.uplink.provider if target is not None else ""
        seen, now = (provider, kind.code), self._now()
        if now - self._said_at.get(seen, -SAY_SECONDS) < SAY_SECONDS:
            self._left_out[seen] = self._left_out.get(seen, 0) + 1
            return
        self._said_at[seen] = now
        (log.error if kind is UpstreamUnauthorized else log.warning)(
            "call.failed",
            call=call.call_id,
            surface=call.speech.surface,
            provider=provider or None,
            model=target.label.decode().removeprefix(f"{provider}/") if target is not None else None,
            status=call.http_status,
            upstream_status=call.answered,
            code=code,
            reason=reason,
            left_out=self._left_out.pop(seen, 0),
        )
