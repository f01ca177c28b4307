"""Sending a granted call upstream: target by target, again only where nothing was processed."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from typing import Final

import msgspec
import structlog

from turnpike.domain.errors import TurnpikeError, UpstreamFailed, UpstreamTimeout
from turnpike.domain.outcome import Attempt
from turnpike.gateway.cancellation import why_cancelled
from turnpike.gateway.catalogue import Way
from turnpike.gateway.deadline_headers import Wishes
from turnpike.gateway.grants import Grant
from turnpike.gateway.headers import travelling_lines
from turnpike.gateway.outgoing import Outgoing
from turnpike.gateway.progress import Progress
from turnpike.ports.clock import Clock
from turnpike.ports.upstream import Answer, Patience, Unreached

RETRY_PAUSE_SECONDS: Final = 0.05
"""Before the first retry; doubled before each further one."""
RETRY_PAUSE_MAX_SECONDS: Final = 2.0

SAY_SECONDS: Final = 1.0
"""Between two lines of the log on one provider that cannot be reached."""


class Dispatched(msgspec.Struct, frozen=True, gc=False):
    """An answer that has begun to come, from which target, and how long it may go on."""

    answer: Answer
    way: Way
    patience: Patience
    started_ns: int


class Dispatcher:
    """Sends calls; `clock` times their attempts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turns = itertools.count()
        self._said_at: dict[str, float] = {}
        self._now = asyncio.get_running_loop().time

    async def dispatch(
        self, grant: Grant, outgoing: Outgoing, wishes: Wishes, progress: Progress
    ) -> Dispatched:
        """The answer of the first target that can be reached.

        Raises UpstreamFailed where none can, or one broke off; UpstreamTimeout, UpstreamInvalid.
        """
        began = self._now()
        progress.dispatched_ns = self._clock.monotonic_ns()
        unreached: Unreached | None = None
        provider = ""
        for way in grant.route.ways:
            patience = wishes.patience(way.limits, began)
            head = request_head(way, outgoing, progress.request.headers, self._turns)
            body = outgoing.body_for(way.model)
            for tried in range(way.retries + 1):
                if tried:
                    pause = min(RETRY_PAUSE_SECONDS * 2 ** (tried - 1), RETRY_PAUSE_MAX_SECONDS)
                    if self._now() + pause >= patience.first_content_at:
                        break
                    await asyncio.sleep(pause)
                started_ns = self._clock.monotonic_ns()
                progress.reached = True
                progress.tries += 1
                try:
                    answer = await way.uplink.channel.send(head, body, patience)
                    return Dispatched(answer, way, patience, started_ns)
                except Unreached as fault:
                    progress.reached = False
                    provider = way.uplink.provider
                    # Without its traceback, which would hold this frame for the collector to find.
                    unreached = fault.with_traceback(None)
                    self._note_failure(progress, way, started_ns, unreachable(fault, provider))
                    self._say(fault, provider, progress)
                except TurnpikeError as error:
                    self._note_failure(progress, way, started_ns, error)
                    raise
                except asyncio.CancelledError as cancelled:
                    self._note_failure(progress, way, started_ns, why_cancelled(cancelled))
                    raise
        raise unreachable(unreached or Unreached("No target of this model was tried."), provider)

    def close_attempt(self, dispatched: Dispatched, progress: Progress) -> None:
        """Note how the attempt ended that brought an answer: as the call did."""
        if progress.upstream_ended_ns is None:
            progress.upstream_ended_ns = self._clock.monotonic_ns()
        way = dispatched.way
        progress.attempts.append(
            Attempt(
                way.uplink.provider,
                way.model,
                way.uplink.region,
                progress.status,
                dispatched.answer.status,
                progress.error,
                dispatched.started_ns,
                progress.upstream_ended_ns,
            )
        )

    def _say(self, fault: Unreached, provider: str, progress: Progress) -> None:
        """Log where it was tried, which callers are not told: the first such call of each second."""
        now = self._now()
        if now - self._said_at.get(provider, 0.0) >= SAY_SECONDS:
            self._said_at[provider] = now
            reason = fault.message
            structlog.get_logger().warning(
                "upstream.unreached", provider=provider, reason=reason, call=progress.call_id
            )

    def _note_failure(self, progress: Progress, way: Way, started_ns: int, error: TurnpikeError) -> None:
        uplink = way.uplink
        progress.target = way
        progress.attempts.append(
            Attempt(
                uplink.provider,
                way.model,
                uplink.region,
                error.ends_as,
                None,
                error.code,
                started_ns,
                self._clock.monotonic_ns(),
            )
        )


def request_head(way: Way, outgoing: Outgoing, headers: dict[bytes, bytes], turns: Iterator[int]) -> bytes:
    """Request line and headers, without the length: ours first, then what the caller sent.

    A provider's credentials take turns, as `turns` counts.
    """
    uplink = way.uplink
    heads = uplink.fixed_heads
    fixed = heads[0] if len(heads) == 1 else heads[next(turns) % len(heads)]
    return b"%b %b%b HTTP/1.1\r\n%b%b" % (
        outgoing.method,
        way.path,
        outgoing.suffix,
        fixed,
        travelling_lines(headers, uplink.sieve),
    )


def unreachable(fault: Unreached, provider: str) -> TurnpikeError:
    """The error of a call whose every target stayed out of reach, `provider` being the last."""
    said = f"No provider could be reached. The last that was tried is {provider}: {fault.told}."
    return UpstreamTimeout(said) if fault.timed_out else UpstreamFailed(said)
