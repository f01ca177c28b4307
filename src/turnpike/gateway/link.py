"""The worker's side of the line to control: snapshots come in, what became of them goes back.

A new snapshot comes in two phases. It is offered: the worker provisions it whole and holds it
ready, or says why it cannot. It is published: the worker swaps it in between two calls. While it
provisions it asks on, so that a later word overtakes; what no longer opens is refused at once. What
was published and cannot be provisioned is tried again until it can: a disk or a file may be back by
then. Away from control, the worker serves on with what it has.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
import structlog

from turnpike.domain.errors import TurnpikeError
from turnpike.domain.snapshot import Snapshot, decode_snapshot
from turnpike.gateway.last_good import SNAPSHOT_MAX_BYTES, LastGood
from turnpike.gateway.provision import Serving, Unprovisionable
from turnpike.gateway.swap import Swap
from turnpike.ports.link import (
    HOLD_LEAST_SECONDS,
    PHASE_HEADER,
    VERSION_HEADER,
    Phase,
    Process,
    Report,
)
from turnpike.ports.upstream import Answer, Channel, Patience, Unreached

CONNECT_SECONDS: Final = 2.0
POLL_SECONDS: Final = 30.0
"""Longer than control holds a poll open."""

EARLY_SECONDS: Final = HOLD_LEAST_SECONDS / 2
"""A question that is answered sooner than this with nothing was not held."""

_PHASE: Final = PHASE_HEADER.encode()
_VERSION: Final = VERSION_HEADER.encode()
_OFFER: Final[Phase] = "offer"


class Pace(msgspec.Struct, frozen=True):
    """How long the link waits, in seconds.

    ask_on: what takes longer to provision than this does not keep the worker from asking on.
    pause: before control is asked again that is away or did not hold the question.
    retry: before what was published is provisioned again. Both double up to their maximum.
    """

    ask_on_seconds: float = 0.25
    pause_seconds: float = 0.1
    pause_max_seconds: float = 1.0
    retry_seconds: float = 1.0
    retry_max_seconds: float = 30.0


_PACE: Final = Pace()


class _Refusal(msgspec.Struct, frozen=True):
    """A version that cannot be provisioned, and why."""

    version: str
    fault: str


class KeyRefused(ValueError):
    """Control does not know this worker: one of them has another master key."""

    def __init__(self) -> None:
        super().__init__(
            "control answered 401: its master key is another than this gateway's; give this gateway control's"
            " (TURNPIKE_MASTER_KEY or TURNPIKE_MASTER_KEY_FILE)"
        )


class _Told(msgspec.Struct, frozen=True):
    """A snapshot as control sent it: offered, to be made ready, or published, to be served with."""

    is_offer: bool
    version: str
    body: bytes


class Link:
    """Keeps a gate's configuration in step with control."""

    def __init__(
        self,
        channel: Channel,
        head: bytes,
        swap: Swap,
        last_good: LastGood,
        process: Process,
        pace: Pace = _PACE,
    ) -> None:
        self._channel = channel
        self._head = head
        self._swap = swap
        self._last_good = last_good
        self._process = process
        self._pace = pace
        self._held: Serving | None = None
        self._published: str | None = None
        self._due: Snapshot | None = None
        self._preparing: str | None = None
        self._refused: _Refusal | None = None
        self._hindered: _Refusal | None = None
        self._now = asyncio.get_running_loop().time
        self._log = structlog.get_logger()

    async def start(self, within_seconds: float) -> None:
        """Be ready to serve: by control's snapshot, or by the last good one where it is away.

        Raises KeyRefused where there is nothing to serve, and control will never give this worker anything.
        """
        refused: KeyRefused | None = None
        try:
            # The bound is for control's word; what it then takes to get ready is this worker's own work.
            async with asyncio.timeout(within_seconds):
                told = await self._ask()
            if told is not None:
                await self._hear(told)
        except (TimeoutError, TurnpikeError, Unreached, ValueError) as fault:
            self._log.warning("link.away", reason=_told_of_control(fault) or "no answer in time")
            refused = fault if isinstance(fault, KeyRefused) else None
        if self._swap.running is None:
            await self._serve_last_good()
        if refused is not None and self._swap.running is None:
            raise refused

    async def keep(self) -> None:
        """Follow control until cancelled; while it is away, ask again and again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._last_good.keep_up())
            await self._keep_asking(group)

    async def _keep_asking(self, group: asyncio.TaskGroup) -> None:
        self._work = group.create_task(self._catch_up())
        pause = self._pace.pause_seconds
        away = False
        while True:
            asked_at = self._now()
            try:
                told = await self._ask()
            except (TurnpikeError, Unreached, ValueError) as fault:
                if not away:
                    self._log.warning("link.away", reason=_told_of_control(fault))
                away = True
                pause = await self._rest(pause)
                continue
            if away:
                self._log.info("link.back")
            away = False
            if told is None and self._now() - asked_at < EARLY_SECONDS:
                # Control is going away, or another process has this one's name.
                pause = await self._rest(pause)
                continue
            pause = self._pace.pause_seconds
            if told is not None:
                # What is still being provisioned is no longer wanted: control's latest word counts.
                self._work.cancel()
                self._work = group.create_task(self._follow(told))
            await asyncio.wait((self._work,), timeout=self._pace.ask_on_seconds)

    async def _rest(self, pause_seconds: float) -> float:
        """Wait for so long; how long to wait the next time."""
        await asyncio.sleep(pause_seconds)
        return min(pause_seconds * 2, self._pace.pause_max_seconds)

    async def _ask(self) -> _Told | None:
        """What control has to say; None where it is nothing new."""
        answer = await self._send()
        try:
            body = await answer.whole(SNAPSHOT_MAX_BYTES)
        finally:
            answer.leave()
        if answer.status == 204:
            return None
        if answer.status == 401:
            raise KeyRefused
        if answer.status != 200:
            raise ValueError(f"control answered {answer.status}")
        version = answer.headers.get(_VERSION, b"").decode("latin-1")
        return _Told(answer.headers.get(_PHASE) == _OFFER.encode(), version, body)

    async def _follow(self, told: _Told) -> None:
        await self._hear(told)
        await self._catch_up()

    async def _catch_up(self) -> None:
        """Try again to serve what was published, for as long as that could not be done."""
        pause = self._pace.retry_seconds
        while self._due is not None:
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._pace.retry_max_seconds)
            await self._serve_due()

    async def _hear(self, told: _Told) -> None:
        if told.is_offer:
            await self._prepare(told)
            return
        self._take(told)
        await self._serve_due()

    async def _prepare(self, told: _Told) -> None:
        """Hold ready what is offered; what cannot be is refused."""
        self._preparing = told.version
        try:
            snapshot = self._read(told.version, told.body)
            self._held = None if snapshot is None else await self._provision(snapshot)
        finally:
            if self._preparing == told.version:
                self._preparing = None

    def _take(self, told: _Told) -> None:
        """What is published is due from now on, and served at once where it is held ready."""
        held = self._held
        if held is not None and held.snapshot.version == told.version:
            self._published = told.version
            self._serve(held)
            return
        if not told.body:
            # It was held ready when control was asked, and is no longer: the next question says so.
            return
        self._forget()
        self._published = told.version
        snapshot = self._read(told.version, told.body)
        if snapshot is not None:
            self._due = snapshot
            self._swap.withdraw(snapshot)

    async def _serve_due(self) -> None:
        serving = None if self._due is None else await self._provision(self._due)
        if serving is not None:
            self._serve(serving)

    async def _send(self) -> Answer:
        total_at = self._now() + POLL_SECONDS + CONNECT_SECONDS
        patience = Patience(CONNECT_SECONDS, POLL_SECONDS, POLL_SECONDS, total_at, total_at)
        return await self._channel.send(self._head, self._report(), patience)

    def _report(self) -> bytes:
        # A refused offer comes first: a change waits to hear of it.
        held, refused, due = self._held, self._refused or self._hindered, self._due
        report = Report(
            worker=self._process.worker,
            pid=self._process.pid,
            state=self._swap.state,
            running=self._swap.running,
            offered=held.snapshot.version if held else None,
            refused=refused.version if refused else None,
            fault=refused.fault if refused else None,
            preparing=self._preparing or (due.version if due is not None else None),
            published=self._published,
            instance=self._process.instance,
        )
        return msgspec.json.encode(report)

    def _read(self, version: str, body: bytes) -> Snapshot | None:
        try:
            return decode_snapshot(body)
        except ValueError as fault:
            self._refuse(version, fault)
            return None

    async def _provision(self, snapshot: Snapshot) -> Serving | None:
        try:
            return await self._swap.provision(snapshot)
        except (Unprovisionable, ValueError) as fault:
            self._refuse(snapshot.version, fault)
            return None

    def _refuse(self, version: str, fault: Exception) -> None:
        refusal = _Refusal(version, str(fault))
        if refusal not in (self._refused, self._hindered):
            self._log.error("snapshot.refused", version=version, reason=refusal.fault)
        if version == self._published:
            self._hindered = refusal
        else:
            self._refused = refusal

    def _serve(self, serving: Serving) -> None:
        """Serve what is published; whatever is held ready was built beside what is now retired."""
        self._forget()
        self._take_up(serving)
        self._last_good.replace(serving.snapshot)

    def _forget(self) -> None:
        """What came before something was published no longer counts."""
        self._due, self._held, self._refused, self._hindered = None, None, None, None

    async def _serve_last_good(self) -> None:
        snapshot = await self._last_good.read()
        if snapshot is None:
            return
        serving = await self._provision(snapshot)
        if serving is not None:
            self._take_up(serving)
            self._log.warning("snapshot.last_good", version=snapshot.version)
        if self._due is not None:
            self._swap.withdraw(self._due)

    def _take_up(self, serving: Serving) -> None:
        self._swap.take_up(serving)
        self._log.info("snapshot.serving", version=serving.snapshot.version)


def _told_of_control(fault: Exception) -> str:
    """What went wrong on the way to control, which the client of HTTP takes for a provider as any other."""
    return str(fault).replace("The provider", "Control")
