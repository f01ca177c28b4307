"""The pipeline between a caller and providers that follow a script: fakes at the ports, no socket, no time."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

from turnpike.dialects.speech import Speech
from turnpike.domain.ids import CallId
from turnpike.domain.outcome import Outcome
from turnpike.domain.principal import Principal
from turnpike.domain.snapshot import Access, Key, LimitOverrides, Model, Secret, Snapshot, Target, TimeLimits
from turnpike.gateway.aside import Aside
from turnpike.gateway.catalogue import Catalogue
from turnpike.gateway.dispatch import Dispatcher
from turnpike.gateway.fault_log import FaultLog
from turnpike.gateway.gate import Gate
from turnpike.gateway.headers import NOT_UPSTREAM, Sieve
from turnpike.gateway.idempotency.folder import Folder
from turnpike.gateway.idempotency.keys import IdempotencyKeys
from turnpike.gateway.idempotency.recording import Memory
from turnpike.gateway.identities import Identities
from turnpike.gateway.kept.answer_notes import Note
from turnpike.gateway.kept.bounds import BOUNDS, KeptBounds
from turnpike.gateway.kept.responses import KeptResponses
from turnpike.gateway.pipeline import Plan, Road, carry
from turnpike.gateway.provision import Serving
from turnpike.gateway.uplink import Uplink
from turnpike.ports.http import Request
from turnpike.ports.metrics import Exposition
from turnpike.ports.sealing import KEY_PURPOSE
from turnpike.ports.upstream import Patience
from turnpike.providers.table import PROVIDERS

KEY = "a-callers-key-0001"
MODELS = {
    "gpt": (("first", "gpt-4o-mini"),),
    "steady": (("first", "gpt-4o-mini"), ("second", "gpt-4o")),
    "once": (("first", "gpt-4o-mini"),),
    "claude": (("claudes", "claude-sonnet-4-6"),),
}
CALL_ID = CallId("01a1fcf1-fdb1-7a5e-8954-7686e79a4ee3")
ROUNDS = 12
"""Turns of the event loop that a step may take; none of them waits for anything but another task."""


class StillClock:
    """Time that stands still."""

    def now_ns(self) -> int:
        return 1_800_000_000_000_000_000

    def monotonic_ns(self) -> int:
        return 5_000_000_000


class OpenSeal:
    """Hides nothing; tells secrets apart."""

    def close(self, secret: bytes, purpose: str) -> bytes:
        return secret

    def open(self, closed: bytes, purpose: str) -> bytes:
        return closed

    def digest(self, secret: bytes, purpose: str) -> bytes:
        return hashlib.sha256(purpose.encode() + b"\0" + secret).digest()


class Outcomes:
    """Keeps what was observed."""

    def __init__(self) -> None:
        self.seen: list[Outcome] = []

    def observe(self, outcome: Outcome) -> None:
        self.seen.append(outcome)

    def name_models(self, label_of: Callable[[str], str]) -> None:
        raise NotImplementedError

    def expose(self, accept: str) -> Exposition:
        raise NotImplementedError


class ScriptedAnswer:
    """An answer whose pieces come when the script sends them."""

    def __init__(self, status: int, headers: dict[bytes, bytes]) -> None:
        self.status = status
        self.headers = headers
        self.was_left = False
        self._coming: asyncio.Queue[bytes | Exception] = asyncio.Queue()

    def comes(self, piece: bytes | Exception) -> None:
        self._coming.put_nowait(piece)

    @property
    def arrived(self) -> bytes | None:
        return None

    async def whole(self, limit_bytes: int) -> bytes:
        pieces = []
        while piece := await self.piece():
            pieces.append(piece)
        return b"".join(pieces)

    async def piece(self) -> bytes:
        piece = await self._coming.get()
        if isinstance(piece, Exception):
            raise piece
        return piece

    def expire_by(self, at: float) -> None:
        return

    def expire_in(self, seconds: float) -> None:
        return

    def leave(self) -> None:
        self.was_left = True


class ScriptedChannel:
    """A provider's address: requests wait until the script answers them."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, bytes, Patience]] = []
        self.answers: asyncio.Queue[ScriptedAnswer | Exception] = asyncio.Queue()
        self.given_up = 0

    async def send(self, head: bytes, body: bytes, patience: Patience) -> ScriptedAnswer:
        self.sent.append((head, body, patience))
        try:
            answer = await self.answers.get()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        if isinstance(answer, Exception):
            raise answer
        return answer


class WatchedReply:
    """What the caller gets, as it comes."""

    def __init__(self) -> None:
        self.begun = self.ended = self.congested = False
        self.status = 0
        self.head = b""
        self.unread = b""
        self._reads_on = asyncio.Event()

    def whole(self, status: int, head: bytes, body: bytes) -> None:
        self.begin(status, head)
        self.unread += body
        self.ended = True

    def begin(self, status: int, head: bytes) -> None:
        assert not self.begun, "a second answer to one request"
        self.begun, self.status, self.head = True, status, head

    def write(self, data: bytes) -> None:
        assert self.begun
        assert not self.ended, "more after the end"
        self.unread += data

    async def drained(self) -> None:
        self._reads_on.clear()
        await self._reads_on.wait()

    def reads_on(self) -> None:
        self.congested = False
        self._reads_on.set()

    def end(self) -> None:
        self.ended = True

    def abort(self) -> None:
        raise AssertionError("the pipeline ends its answers in good order")


class WatchedKept(KeptResponses):
    """Tells what a thread has still to note: an answer waits for it."""

    under_way: tuple[asyncio.Future[None], ...] = ()

    def note(self, note: Note) -> asyncio.Future[None]:
        return self._watched(super().note(note))

    def note_unknown(self, note: Note) -> asyncio.Future[None]:
        return self._watched(super().note_unknown(note))

    def _watched(self, done: asyncio.Future[None]) -> asyncio.Future[None]:
        self.under_way = (*self.under_way, done)
        return done


class Stage:
    """One call at a time; make it inside a running loop."""

    def __init__(self, folder: Path, bounds: KeptBounds = BOUNDS) -> None:
        self.channels = {name: ScriptedChannel() for name in ("first", "second", "claudes")}
        self.outcomes = Outcomes()
        self.reply = WatchedReply()
        self.answer: ScriptedAnswer | None = None
        self.task: asyncio.Task[None] | None = None
        self.gate = Gate(calls_max=10)
        self.gate.serving = self._serving()
        clock = StillClock()
        self._kept = WatchedKept(folder / "responses", 0, clock, bounds)
        self.road = Road(
            gate=self.gate,
            dispatcher=Dispatcher(clock),
            kept=self._kept,
            aside=Aside(),
            keys=IdempotencyKeys(Folder(folder / "idempotency", OpenSeal(), clock), OpenSeal(), Memory()),
            metrics=self.outcomes,
            faults=FaultLog(),
            clock=clock,
            next_call_id=lambda: CALL_ID,
        )

    def call(self, group: asyncio.TaskGroup, speech: Speech, plan: Plan, request: Request) -> None:
        """A caller's request arrives."""
        self.reply = WatchedReply()
        self.task = group.create_task(carry(self.road, speech, plan, request, self.reply))

    def status_was_told(self, outcome: Outcome) -> bool:
        """Whether the caller saw the status that the outcome has; one that left saw none."""
        return outcome.http_status in (499, self.reply.status)

    @property
    def notes_under_way(self) -> bool:
        """Whether something is still to be noted of an answer."""
        return not all(note.done() for note in self._kept.under_way)

    async def settled(self) -> None:
        """Let every task go on until it waits for the script."""
        await settled()
        if self._kept.under_way:
            await asyncio.wait(self._kept.under_way)
            await settled()

    async def close(self) -> None:
        """Let go of the folder."""
        await self.road.keys.close()
        await self._kept.close()

    def _serving(self) -> Serving:
        uplinks = {name: self._uplink(name) for name in self.channels}
        models = tuple(
            Model(
                name,
                tuple(Target(provider, model) for provider, model in targets),
                LimitOverrides(retries=0 if name == "once" else None),
            )
            for name, targets in MODELS.items()
        )
        secret = Secret(OpenSeal().digest(KEY.encode(), KEY_PURPOSE))
        key = Key("app", Principal("acme", "research", key="app"), (secret,), Access((("*",),)))
        snapshot = Snapshot("v1", 1, 0, "acme", models=models, keys=(key,))
        return Serving(snapshot, Identities((key,), OpenSeal()), Catalogue(models, uplinks), {})

    def _uplink(self, name: str) -> Uplink:
        kind = PROVIDERS["anthropic" if name == "claudes" else "openai"]
        return Uplink(
            provider=name,
            region="eu" if name == "first" else None,
            channel=self.channels[name],
            paths={surface: path.encode() for surface, path in kind.paths.items()},
            models_head=b"",
            fixed_heads=(b"host: provider\r\nauthorization: Bearer sk\r\n",),
            sieve=Sieve(NOT_UPSTREAM),
            limits=TimeLimits(),
            retries=1,
        )


async def settled() -> None:
    """Let every task of the loop go on as far as it can."""
    for _ in range(ROUNDS):
        await asyncio.sleep(0)
