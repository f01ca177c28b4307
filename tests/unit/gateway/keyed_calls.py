"""Calls with an idempotency key, and workers that share a folder, as tests of the stage use them."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, ParamSpec

import msgspec

from turnpike.adapters.sealing.seal import MasterKeySeal
from turnpike.adapters.system.randomness import SystemRandomness
from turnpike.dialects.openai_chat import CHAT
from turnpike.domain.call_status import CallStatus
from turnpike.domain.errors import TurnpikeError
from turnpike.domain.ids import CallId
from turnpike.domain.outcome import Attempt
from turnpike.domain.principal import Principal
from turnpike.gateway.idempotency.folder import Folder
from turnpike.gateway.idempotency.keys import IdempotencyKeys
from turnpike.gateway.idempotency.recording import Memory
from turnpike.gateway.progress import Progress
from turnpike.ports.http import Reply, Request

START_NS = 1_800_000_000 * 10**9
DAY_NS = 86_400 * 10**9
ALICE = Principal("acme", "research", None, None, "alice-laptop")
BOB = Principal("acme", "research", None, None, "bob-laptop")
BODY = b'{"model":"fast","messages":[{"role":"user","content":"A quiet word"}]}'
ANSWER = b'{"id":"chatcmpl-1","choices":[]}'
HEAD = b"content-type: application/json\r\n"
STREAM_HEAD = b"content-type: text/event-stream\r\n"

SEAL = MasterKeySeal(bytes(32), SystemRandomness())

_numbers = itertools.count(1)
_Given = ParamSpec("_Given")


def in_a_loop(test: Callable[_Given, Coroutine[Any, Any, None]]) -> Callable[_Given, None]:
    """A test that runs in an event loop of its own."""

    @functools.wraps(test)
    def run(*given: _Given.args, **named: _Given.kwargs) -> None:
        asyncio.run(test(*given, **named))

    return run


class SetClock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.time_ns = START_NS

    def now_ns(self) -> int:
        return self.time_ns

    def monotonic_ns(self) -> int:
        return self.time_ns


class HeardReply:
    """A caller that notes what it gets; it reads slowly where it is told to."""

    def __init__(self, *, slow: bool = False) -> None:
        self.begun = self.ended = self.streamed = False
        self.status = 0
        self.head = b""
        self.pieces: list[bytes] = []
        self.waits = 0
        self._slow = slow

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def congested(self) -> bool:
        return self._slow

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def whole(self, status: int, head: bytes, body: bytes) -> None:
        self.begun = self.ended = True
        self.status, self.head, self.pieces = status, head, [body]

    def begin(self, status: int, head: bytes) -> None:
        self.begun = self.streamed = True
        self.status, self.head = status, head

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    async def drained(self) -> None:
        self.waits += 1

    def end(self) -> None:
        self.ended = True

    def abort(self) -> None:
        raise AssertionError("nobody asked for that")


class Provider:
    """Counts executions, and plays a part for each."""

    def __init__(self) -> None:
        self.executions = 0

    def answers(
        self, call: Progress, status: int = 200, body: bytes = ANSWER, head: bytes = HEAD
    ) -> CarryOut:
        """A whole answer, or a refusal of the provider's."""

        async def carry_out(reply: Reply) -> None:
            self._reached(call)
            await asyncio.sleep(0)
            call.attempts.append(an_attempt(status))
            call.end_well(status)
            if status >= 400:
                call.status, call.error = CallStatus.FAILED, "upstream_failed"
            reply.whole(status, head, body)

        return carry_out

    def streams(self, call: Progress, *pieces: bytes) -> CarryOut:
        """A stream in these pieces."""

        async def carry_out(reply: Reply) -> None:
            self._reached(call)
            reply.begin(200, STREAM_HEAD)
            for piece in pieces:
                reply.write(piece)
                await asyncio.sleep(0)
            call.attempts.append(an_attempt(200))
            call.end_well(200)
            reply.end()

        return carry_out

    def hangs(self, call: Progress, running: asyncio.Event) -> CarryOut:
        """No answer, ever."""

        async def carry_out(reply: Reply) -> None:
            self._reached(call)
            running.set()
            await asyncio.Event().wait()

        return carry_out

    def breaks_off(self, call: Progress) -> CarryOut:
        """No answer, and nobody knows how much of the request was processed."""

        async def carry_out(reply: Reply) -> None:
            self._reached(call)
            call.attempts.append(an_attempt(None))
            call.status, call.error, call.http_status = CallStatus.FAILED, "upstream_failed", 502
            reply.whole(502, HEAD + b"retry-after: 1\r\nx-should-retry: true\r\n", b"{}")

        return carry_out

    def is_out_of_reach(self, call: Progress) -> CarryOut:
        """No connection."""

        async def carry_out(reply: Reply) -> None:
            call.attempts.append(an_attempt(None))
            call.status, call.error, call.http_status = CallStatus.FAILED, "upstream_failed", 502
            reply.whole(502, HEAD, b"{}")

        return carry_out

    def _reached(self, call: Progress) -> None:
        call.reached = True
        self.executions += 1


CarryOut = Callable[[Reply], Awaitable[None]]
Part = Callable[[Progress], CarryOut]


class Said(msgspec.Struct, frozen=True):
    """What a caller got: an answer or an error, and its call as it ended."""

    reply: HeardReply
    call: Progress
    error: TurnpikeError | None


def a_call(
    key: bytes = b"order-1",
    principal: Principal = ALICE,
    body: bytes = BODY,
    path: str = "/v1/chat/completions",
    query: bytes = b"",
    method: str = "POST",
) -> Progress:
    """A planned call with a key."""
    headers = {b"idempotency-key": key}
    request = Request(method, path, query, headers, body, "127.0.0.1", 0)
    call = Progress(CallId(f"call-{next(_numbers)}"), request, CHAT)
    call.principal = principal
    return call


def an_attempt(status: int | None) -> Attempt:
    return Attempt("openai", "gpt-4o-mini", None, CallStatus.SUCCEEDED, status, None, 0, 1)


def a_worker(place: Path, clock: SetClock | None = None, memory: Memory | None = None) -> IdempotencyKeys:
    """One worker's part; make it inside a running loop."""
    folder = Folder(place, SEAL, clock or SetClock())
    return IdempotencyKeys(folder, SEAL, memory or Memory())


async def send(worker: IdempotencyKeys, call: Progress, part: Part, *, slow: bool = False) -> Said:
    """Carry a call as the pipeline does, up to what the caller gets."""
    reply = HeardReply(slow=slow)
    try:
        await worker.carry(call, reply, part(call))
    except TurnpikeError as error:
        return Said(reply, call, error)
    return Said(reply, call, None)
