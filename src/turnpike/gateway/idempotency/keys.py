"""The stage of a call that came with an idempotency key: one key, one execution."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from turnpike.domain.errors import Conflict, IdempotencyMismatch, Overloaded, TurnpikeError
from turnpike.domain.principal import Principal
from turnpike.gateway.disk import DiskThreads, within
from turnpike.gateway.idempotency.claim import Claim
from turnpike.gateway.idempotency.entry import Answered, Claimed, Reason, Unrepeatable
from turnpike.gateway.idempotency.folder import SHARDS, Damaged, Folder, Found, Running
from turnpike.gateway.idempotency.recording import Memory, Recording
from turnpike.gateway.idempotency.replay import give_again
from turnpike.gateway.idempotency.request_key import fingerprint_of, name_of, read_key, share_of
from turnpike.gateway.progress import Progress
from turnpike.ports.http import Reply
from turnpike.ports.sealing import Seal

METHOD: Final = "POST"
"""The one method here that is not idempotent by itself (RFC 9110, 9.2.2)."""

RUNNING_RETRY_SECONDS: Final = 1.0
ENTERING_SECONDS: Final = 5.0
"""How long a call waits for its key to be noted before it is refused."""
ENTERING_MAX: Final = 1024
"""Keys that wait at once to be noted or kept; with more, calls with a key are refused at once."""
THREADS: Final = 4
KEEPING_SECONDS: Final = 5.0
"""How long a caller waits for its answer to be kept before it is given the answer all the same."""
SWEEP_SECONDS: Final = 2.0
"""Between two looks at a part of the folder, while little is added; at 256 parts the whole is seen every nine minutes."""

SENT_ON_STATUS: Final = 408
"""A provider's 4xx that does not say that nothing was done: time ran out."""

_NEW_KEY: Final = "To have it executed, take a new key."
_WHY_NONE: Final = {
    Reason.CANCELLED: "was cancelled before its answer was whole, since its caller went away or the "
    "gateway stopped; whether the provider executed it is not known.",
    Reason.TOO_LARGE: "was executed; its answer was too large to be kept and given again.",
    Reason.NO_ROOM: "was executed; its answer was not kept, since the gateway had no room for it: "
    "its team, or its Turnpike key where it has no team, held as much as was still free.",
}

CarryOut = Callable[[Reply], Awaitable[None]]
Ending = Answered | Unrepeatable | None
"""What a key stands for after its call; None frees it."""


class IdempotencyKeys:
    """Sees to it that a call with a key is executed once, over all workers of a home.

    Files are touched in threads beside the event loop. Nothing is read or written before the first
    call with a key.
    """

    def __init__(
        self, folder: Folder, seal: Seal, memory: Memory, entering_seconds: float = ENTERING_SECONDS
    ) -> None:
        self._folder = folder
        self._seal = seal
        self._memory = memory
        self._entering_seconds = entering_seconds
        self._disk = DiskThreads("idempotency", THREADS, ENTERING_MAX)
        self._look_is_due = asyncio.Event()

    async def carry(self, call: Progress, reply: Reply, carry_out: CarryOut) -> None:
        """Carry the call out by `carry_out`, or answer it as its first one was answered.

        Raises InvalidRequest, Conflict, IdempotencyMismatch, or Overloaded where the home cannot be
        written, or not in time: one execution could not be promised.
        """
        if call.request.method != METHOD:
            await carry_out(reply)
            return
        assert call.principal is not None, "a planned call has its principal"
        found = await self._enter(call, call.principal, read_key(call.request))
        if isinstance(found, Answered):
            await give_again(found, call, reply)
            return
        claim, claimed = found
        await self._carry_claimed(claim, claimed, call, reply, carry_out)

    async def keep_tidy(self) -> None:
        """Remove what has outlived its day, for as long as this runs."""
        for shard in SHARDS:
            await self._sweep(shard)
        for shard in itertools.cycle(SHARDS):
            await self._rest()
            await self._sweep(shard)

    async def close(self) -> None:
        """Wait a while for what is still being kept; takes no further call."""
        await self._disk.close(KEEPING_SECONDS)

    async def _rest(self) -> None:
        """Wait for the next look, which comes the sooner the more is added."""
        self._look_is_due.clear()
        if self._folder.owes_a_look:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_SECONDS):
                await self._look_is_due.wait()

    async def _enter(
        self, call: Progress, principal: Principal, key: bytes
    ) -> Answered | tuple[Claim, Claimed]:
        if self._disk.is_full:
            raise _not_noted(f"{ENTERING_MAX} others wait for the same")
        entering = self._disk.begin(self._take, call, principal, key)
        try:
            claimed, found = await within(self._entering_seconds, entering)
        except (asyncio.CancelledError, TimeoutError) as fault:
            # The thread goes on: what it claims for a caller that has gone is free again.
            entering.add_done_callback(self._free_unwanted)
            if isinstance(fault, asyncio.CancelledError):
                raise
            structlog.get_logger().error(
                "idempotency.not_claimed", call=call.call_id, reason="its time is over"
            )
            raise _not_noted(f"its disk did not answer within {self._entering_seconds:g} s") from fault
        except OSError as fault:
            structlog.get_logger().error("idempotency.not_claimed", call=call.call_id, reason=str(fault))
            raise _not_noted(str(fault.strerror or fault)) from fault
        if isinstance(found, Claim):
            return found, claimed
        return answer_for(found, claimed)

    def _take(self, call: Progress, principal: Principal, key: bytes) -> tuple[Claimed, Claim | Found]:
        name = name_of(key, principal, self._seal)
        claimed = Claimed(fingerprint_of(call.request, name, self._seal), call.call_id)
        return claimed, self._folder.enter(name, claimed, share_of(principal, self._seal))

    def _free_unwanted(self, entering: asyncio.Future[tuple[Claimed, Claim | Found]]) -> None:
        if entering.cancelled() or entering.exception() is not None:
            return
        claimed, found = entering.result()
        if isinstance(found, Claim):
            self._disk.begin(self._end, found, claimed, None)

    async def _carry_claimed(
        self, claim: Claim, claimed: Claimed, call: Progress, reply: Reply, carry_out: CarryOut
    ) -> None:
        recording = Recording(reply, self._memory)
        ending: Ending | Claimed = claimed
        try:
            await carry_out(recording)
            ending = ending_of(claimed, call, recording)
        except asyncio.CancelledError:
            ending = cancelled_ending(claimed, call)
            raise
        finally:
            recording.forget()
            keeping = self._disk.begin(self._end, claim, claimed, ending)
            keeping.add_done_callback(self._hasten)
        try:
            await within(KEEPING_SECONDS, keeping)
        except TimeoutError:
            structlog.get_logger().warning("idempotency.slow", call=call.call_id, seconds=KEEPING_SECONDS)
        recording.release()

    def _hasten(self, _: asyncio.Future[None]) -> None:
        if self._folder.owes_a_look:
            self._look_is_due.set()

    def _end(self, claim: Claim, claimed: Claimed, ending: Ending | Claimed) -> None:
        """In a thread. A fault leaves the claim, held by nobody: the call is not executed again."""
        try:
            match ending:
                case None:
                    self._folder.free(claim)
                case Claimed():
                    claim.leave()
                case _:
                    self._folder.keep(claim, ending)
        except OSError as fault:
            structlog.get_logger().error("idempotency.not_kept", call=claimed.call_id, reason=str(fault))

    async def _sweep(self, shard: str) -> None:
        try:
            await self._disk.begin(self._folder.sweep, shard)
        except OSError as fault:
            structlog.get_logger().error("idempotency.not_swept", shard=shard, reason=str(fault))


def _not_noted(reason: str) -> Overloaded:
    return Overloaded(
        f"The gateway cannot note this idempotency-key ({reason}), so that one execution cannot be promised: "
        "nothing was sent. Try again later, or leave the key out."
    )


def answer_for(found: Found, asked: Claimed) -> Answered:
    """The answer that a key stands for. Raises Conflict or IdempotencyMismatch where it has none."""
    if isinstance(found, Damaged):
        raise Conflict(
            "What is kept under this idempotency-key cannot be read, so that it is not known whether "
            f"its call was executed. {_NEW_KEY}"
        )
    if found.fingerprint != asked.fingerprint:
        raise IdempotencyMismatch(
            f"This idempotency-key came first with another request (call {found.call_id}): the path, the "
            "query or the body differs. A new request takes a new key."
        )
    if isinstance(found, Answered):
        return found
    raise _conflict(found)


def _conflict(found: Running | Claimed | Unrepeatable) -> TurnpikeError:
    call = f"The call {found.call_id}, which came with this idempotency-key,"
    match found:
        case Running():
            return Conflict(
                f"{call} is still running. Its answer is given to whoever sends the same again "
                "after its end.",
                retry_after_seconds=RUNNING_RETRY_SECONDS,
            )
        case Claimed():
            return Conflict(
                f"{call} never came to its end here: its worker was stopped, or what came of it could "
                f"not be written. Whether the provider executed it is not known. {_NEW_KEY}"
            )
        case Unrepeatable(reason=reason):
            return Conflict(f"{call} {_WHY_NONE[reason]} {_NEW_KEY}")


def ending_of(claimed: Claimed, call: Progress, recording: Recording) -> Ending | Claimed:
    """What a key stands for when its call has been answered."""
    if nothing_ran(call):
        return None
    if not recording.ended:
        return claimed
    answer = recording.recorded()
    if answer is None:
        return Unrepeatable(claimed.fingerprint, claimed.call_id, Reason.TOO_LARGE)
    return Answered(
        claimed.fingerprint,
        claimed.call_id,
        answer.streamed,
        answer.status,
        answer.head,
        answer.body,
        call.status,
        call.error,
    )


def cancelled_ending(claimed: Claimed, call: Progress) -> Ending:
    """What a key stands for when its caller went away."""
    if nothing_ran(call):
        return None
    return Unrepeatable(claimed.fingerprint, claimed.call_id, Reason.CANCELLED)


def nothing_ran(call: Progress) -> bool:
    """Whether it is certain that no provider executed the call: none was reached, or it refused."""
    if not call.reached:
        return True
    status = call.attempts[-1].http_status if call.attempts else None
    return status is not None and 400 <= status < 500 and status != SENT_ON_STATUS
