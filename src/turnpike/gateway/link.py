"""The worker's side of the line to control: snapshots come in, what became of them goes back.

A new snapshot comes in two phases. It is offered: the worker provisions it whole and holds it
ready, or says why it cannot. It is published: the worker swaps it in between two calls. While it
provisions it asks on, so that a later word overtakes; keys that are revoked are refused at once. Away
from control, the worker serves on with what it has.
"""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
import structlog

from turnpike.domain.errors import TurnpikeError
from turnpike.domain.snapshot import Snapshot, decode_snapshot
from turnpike.gateway.last_good import LastGood
from turnpike.gateway.provision import Serving, Unprovisionable
from turnpike.gateway.swap import Swap
from turnpike.ports.link import PHASE_HEADER, VERSION_HEADER, Phase, Report
from turnpike.ports.upstream import Answer, Channel, Patience, Unreached

SNAPSHOT_MAX_BYTES: Final = 268_435_456
CONNECT_SECONDS: Final = 2.0
POLL_SECONDS: Final = 30.0
"""Longer than control holds a poll open."""

ASK_ON_SECONDS: Final = 0.25
"""What takes longer to provision than this does not keep the worker from asking on."""

PAUSE_SECONDS: Final = 0.1
PAUSE_MAX_SECONDS: Final = 1.0

_PHASE: Final = PHASE_HEADER.encode()
_VERSION: Final = VERSION_HEADER.encode()
_OFFER: Final[Phase] = "offer"


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
        who: tuple[str, int],
        ask_on_seconds: float = ASK_ON_SECONDS,
    ) -> None:
        self._channel = channel
        self._head = head
        self._swap = swap
        self._last_good = last_good
        self._who = who
        self._ask_on_seconds = ask_on_seconds
        self._held: Serving | None = None
        self._preparing: str | None = None
        self._work: asyncio.Task[None] | None = None
        self._refused: tuple[str, str] | None = None
        self._now = asyncio.get_running_loop().time
        self._log = structlog.get_logger()

    async def start(self, within_seconds: float) -> None:
        """Be ready to serve: by control's snapshot, or by the last good one where it is away."""
        try:
            # The bound is for control's word; what it then takes to get ready is this worker's own work.
            async with asyncio.timeout(within_seconds):
                told = await self._ask()
            if told is not None:
                await self._follow(told)
        except (TimeoutError, TurnpikeError, Unreached, ValueError) as fault:
            self._log.warning("link.away", reason=str(fault) or "no answer in time")
        if self._swap.running is None:
            await self._serve_last_good()

    async def keep(self) -> None:
        """Follow control until cancelled; while it is away, ask again and again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._last_good.keep_up())
            await self._keep_asking(group)

    async def _keep_asking(self, group: asyncio.TaskGroup) -> None:
        pause = PAUSE_SECONDS
        away = False
        while True:
            try:
                told = await self._ask()
            except (TurnpikeError, Unreached, ValueError) as fault:
                if not away:
                    self._log.warning("link.away", reason=str(fault))
                away = True
                await asyncio.sleep(pause)
                pause = min(pause * 2, PAUSE_MAX_SECONDS)
                continue
            if away:
                self._log.info("link.back")
            away, pause = False, PAUSE_SECONDS
            if told is not None:
                self._overtake()
                self._work = group.create_task(self._follow(told))
            if self._work is not None:
                await asyncio.wait((self._work,), timeout=self._ask_on_seconds)

    def _overtake(self) -> None:
        """What is still being provisioned is no longer wanted: control's latest word counts."""
        if self._work is not None:
            self._work.cancel()

    async def _ask(self) -> _Told | None:
        """What control has to say; None where it is nothing new."""
        answer = await self._send()
        try:
            body = await answer.whole(SNAPSHOT_MAX_BYTES)
        finally:
            answer.leave()
        if answer.status == 204:
            return None
        if answer.status != 200:
            raise ValueError(f"control answered {answer.status}")
        version = answer.headers.get(_VERSION, b"").decode("latin-1")
        return _Told(answer.headers.get(_PHASE) == _OFFER.encode(), version, body)

    async def _follow(self, told: _Told) -> None:
        self._preparing = told.version
        try:
            if told.is_offer:
                self._held = await self._read_and_provision(told.version, told.body)
            else:
                await self._publish(told.version, told.body)
        finally:
            if self._preparing == told.version:
                self._preparing = None

    async def _send(self) -> Answer:
        total_at = self._now() + POLL_SECONDS + CONNECT_SECONDS
        patience = Patience(CONNECT_SECONDS, POLL_SECONDS, POLL_SECONDS, total_at, total_at)
        return await self._channel.send(self._head, self._report(), patience)

    def _report(self) -> bytes:
        held, refused = self._held, self._refused
        report = Report(
            worker=self._who[0],
            pid=self._who[1],
            state=self._swap.state,
            running=self._swap.running,
            offered=held.snapshot.version if held else None,
            refused=refused[0] if refused else None,
            fault=refused[1] if refused else None,
            preparing=self._preparing,
        )
        return msgspec.json.encode(report)

    async def _read_and_provision(self, version: str, body: bytes) -> Serving | None:
        """The snapshot ready to serve; None, and control is told why, where it cannot be."""
        snapshot = self._read(version, body)
        return None if snapshot is None else await self._provision(snapshot)

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
        self._refused = (version, str(fault))
        self._log.error("snapshot.refused", version=version, reason=str(fault))

    async def _publish(self, version: str, body: bytes) -> None:
        held, self._held = self._held, None
        if held is None or held.snapshot.version != version:
            snapshot = self._read(version, body)
            if snapshot is None:
                return
            self._swap.revoke(snapshot)
            held = await self._provision(snapshot)
        if held is not None:
            self._refused = None
            self._take_up(held)
            self._last_good.replace(held.snapshot)

    async def _serve_last_good(self) -> None:
        snapshot = await self._last_good.read()
        if snapshot is None:
            return
        serving = await self._provision(snapshot)
        if serving is not None:
            self._take_up(serving)
            self._log.warning("snapshot.last_good", version=snapshot.version)

    def _take_up(self, serving: Serving) -> None:
        self._swap.take_up(serving)
        self._log.info("snapshot.serving", version=serving.snapshot.version)
