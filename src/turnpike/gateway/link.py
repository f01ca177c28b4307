"""The worker's side of the line to control: snapshots come in, what became of them goes back.

A new snapshot comes in two phases. It is offered: the worker provisions it whole and holds it
ready, or says why it cannot. It is published: the worker swaps it in between two calls. Away from
control, the worker serves on with what it has.
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
from turnpike.ports.upstream import Answer, Channel, Patience, Unreached

LINK_PATH: Final = "/internal/v1/link"
SNAPSHOT_MAX_BYTES: Final = 268_435_456
CONNECT_SECONDS: Final = 2.0
POLL_SECONDS: Final = 30.0
"""Longer than control holds a poll open."""

PAUSE_SECONDS: Final = 0.1
PAUSE_MAX_SECONDS: Final = 1.0

PHASE: Final = b"x-turnpike-phase"
VERSION: Final = b"x-turnpike-snapshot"


class Report(msgspec.Struct, frozen=True):
    """What a worker tells control with each poll."""

    worker: str
    pid: int
    state: str
    running: str | None
    offered: str | None = None
    refused: str | None = None
    fault: str | None = None


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
    ) -> None:
        self._channel = channel
        self._head = head
        self._swap = swap
        self._last_good = last_good
        self._who = who
        self._held: Serving | None = None
        self._refused: tuple[str, str] | None = None
        self._now = asyncio.get_running_loop().time
        self._log = structlog.get_logger()

    async def start(self, within_seconds: float) -> None:
        """Be ready to serve: by control's snapshot, or by the last good one where it is away."""
        try:
            # The bound is for control's word; what it then takes to get ready is this worker's own work.
            async with asyncio.timeout(within_seconds):
                told = await self._ask()
            await self._follow(told)
        except (TimeoutError, TurnpikeError, Unreached, ValueError) as fault:
            self._log.warning("link.away", reason=str(fault) or "no answer in time")
        if self._swap.running is None:
            await self._serve_last_good()

    async def keep(self) -> None:
        """Follow control until cancelled; while it is away, ask again and again."""
        pause = PAUSE_SECONDS
        away = False
        while True:
            try:
                await self._follow(await self._ask())
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
        version = answer.headers.get(VERSION, b"").decode("latin-1")
        return _Told(answer.headers.get(PHASE) == b"offer", version, body)

    async def _follow(self, told: _Told | None) -> None:
        if told is None:
            return
        if told.is_offer:
            self._held = await self._read_and_provision(told.version, told.body)
        else:
            await self._publish(told.version, told.body)

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
        )
        return msgspec.json.encode(report)

    async def _read_and_provision(self, version: str, body: bytes) -> Serving | None:
        try:
            snapshot = decode_snapshot(body)
        except ValueError as fault:
            self._refuse(version, fault)
            return None
        return await self._provision(snapshot)

    async def _provision(self, snapshot: Snapshot) -> Serving | None:
        """The snapshot ready to serve; None, and control is told why, where it cannot be."""
        try:
            return await self._swap.provision(snapshot)
        except Unprovisionable as fault:
            self._refuse(snapshot.version, fault)
            return None

    def _refuse(self, version: str, fault: Exception) -> None:
        self._refused = (version, str(fault))
        self._log.error("snapshot.refused", version=version, reason=str(fault))

    async def _publish(self, version: str, body: bytes) -> None:
        held, self._held = self._held, None
        if held is None or held.snapshot.version != version:
            held = await self._read_and_provision(version, body)
        if held is not None:
            self._refused = None
            self._take_up(held)
            await self._last_good.keep(held.snapshot)

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
