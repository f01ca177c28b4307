"""One worker: everything of the data plane in one process, from start to drained."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import structlog

from turnpike.domain.provider import ProviderKind
from turnpike.gateway.aside import Aside
from turnpike.gateway.call_ids import CallIds
from turnpike.gateway.certificates import Certificates
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.dispatch import Dispatcher
from turnpike.gateway.edge.limits import EdgeLimits
from turnpike.gateway.edge.server import Server, Site
from turnpike.gateway.fault_log import FaultLog
from turnpike.gateway.gate import Gate
from turnpike.gateway.gauges import read_gauges
from turnpike.gateway.idempotency.folder import Folder
from turnpike.gateway.idempotency.keys import IdempotencyKeys
from turnpike.gateway.idempotency.recording import Memory
from turnpike.gateway.kept.responses import KeptResponses
from turnpike.gateway.last_good import LastGood
from turnpike.gateway.link import Link
from turnpike.gateway.listing import Listings
from turnpike.gateway.metrics.layout import Reading
from turnpike.gateway.metrics.shared import SharedMetrics
from turnpike.gateway.pipeline import Road
from turnpike.gateway.provision import Provisioner
from turnpike.gateway.router import Router
from turnpike.gateway.steady_clock import SteadyClock
from turnpike.gateway.swap import Swap
from turnpike.gateway.upstream.dial import Dialler
from turnpike.gateway.upstream.origin import read_origin
from turnpike.gateway.upstream.pool import Pool
from turnpike.gateway.upstream.resolver import Resolver
from turnpike.gateway.upstream.trust import tls_context
from turnpike.ports.boot import Boot
from turnpike.ports.clock import Clock
from turnpike.ports.link import LINK_PATH, Process
from turnpike.ports.randomness import Randomness
from turnpike.ports.sealing import Seal, node_token

COLLECTOR_THRESHOLD: Final = 20_000
"""Live containers beyond the last count before cycles are looked for; Python's own is 700."""

GAUGES_SECONDS: Final = 1.0
INSTANCE_BYTES: Final = 8
"""What tells this worker from another one of the same host and slot."""

START_SECONDS: Final = 1.0
"""How long a starting worker waits for control before it takes up the last good snapshot."""


class WorkerSettings(msgspec.Struct, frozen=True):
    """What one worker is told at its start.

    slot: its number among the workers of this home. origins: of browsers that may call (CORS).
    certificate_file, key_file: PEM files for TLS at the edge; None serves plain HTTP.
    """

    slot: int
    home: Path
    host: str
    port: int
    control_url: str
    drain_seconds: float
    limits: EdgeLimits = EdgeLimits()
    origins: frozenset[str] = frozenset()
    certificate_file: Path | None = None
    key_file: Path | None = None


class Outside(msgspec.Struct, frozen=True):
    """What a worker needs of the world."""

    kinds: Mapping[str, ProviderKind]
    seal: Seal
    clock: Clock
    boot: Boot
    randomness: Randomness


async def run_worker(settings: WorkerSettings, outside: Outside, serving: Callable[[int], None]) -> None:
    """Serve until SIGTERM or SIGINT, then drain; returns when the last call is done or cut.

    `serving` is told the port once calls are taken there, and there is a configuration to answer them by.
    Raises OSError where the address cannot be listened on or a TLS file not be read; KeyRefused.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Worker(settings, outside).run(stop, serving)


class Worker:
    """The parts of one worker, put together. Make it inside a running loop."""

    def __init__(self, settings: WorkerSettings, outside: Outside) -> None:
        self._settings = settings
        self._outside = outside
        self._deadlines = Deadlines()
        self._gate = Gate(settings.limits.calls_in_flight)
        self._metrics = SharedMetrics(settings.home / "run", settings.slot, self._gauges)
        provisioner = Provisioner(outside.kinds, outside.seal, self._deadlines)
        self._swap = Swap(self._gate, provisioner, self._metrics)
        steady = SteadyClock(settings.home / "run", outside.clock, outside.boot)
        keys = Folder(settings.home / "idempotency", outside.seal, steady)
        self._keys = IdempotencyKeys(keys, outside.seal, Memory())
        self._kept = KeptResponses(settings.home / "responses", settings.slot, steady)
        self._aside = Aside()
        road = Road(
            gate=self._gate,
            dispatcher=Dispatcher(outside.clock),
            kept=self._kept,
            aside=self._aside,
            keys=self._keys,
            metrics=self._metrics,
            faults=FaultLog(),
            clock=outside.clock,
            next_call_id=CallIds(outside.clock, outside.randomness).next,
        )
        self._listings = Listings()
        router = Router(road, self._listings, settings.origins)
        site = Site(router, router.render_error, router.admit)
        self._server = Server(site, settings.limits, outside.clock, self._deadlines)
        self._log = structlog.get_logger()

    async def run(self, stop: asyncio.Event, serving: Callable[[int], None]) -> None:
        """Serve until `stop` is set, then drain."""
        settings = self._settings
        certificates = _certificates(settings)
        self._deadlines.start()
        _tune_collector()
        link = self._link()
        await link.start(START_SECONDS)
        async with asyncio.TaskGroup() as group:
            tls = None if certificates is None else certificates.tls
            port = await self._server.listen(group, settings.host, settings.port, tls)
            self._log.info("worker.listening", slot=settings.slot, host=settings.host, port=port)
            upkeep = [group.create_task(work) for work in self._upkeep(link, certificates)]
            upkeep.append(group.create_task(self._tell(serving, port)))
            await stop.wait()
            await self._drain()
            for task in upkeep:
                task.cancel()
            await self._server.close()
        self._deadlines.stop()
        self._metrics.close()
        await self._keys.close()
        await self._kept.close()
        self._aside.close()
        self._log.info("worker.stopped", slot=settings.slot)

    def _upkeep(self, link: Link, certificates: Certificates | None) -> Iterator[Coroutine[Any, Any, None]]:
        """What goes on beside the calls for as long as they are taken."""
        yield link.keep()
        yield self._show_gauges()
        yield self._listings.keep()
        yield self._keys.keep_tidy()
        if certificates is not None:
            yield certificates.keep_fresh()

    async def _tell(self, serving: Callable[[int], None], port: int) -> None:
        await self._swap.begun.wait()
        serving(port)

    async def _drain(self) -> None:
        """No new call; those in flight may finish within the bound."""
        self._log.info("worker.draining", slot=self._settings.slot, calls=self._gate.in_flight)
        self._server.drain()
        await self._gate.drain(self._settings.drain_seconds)
        if self._gate.in_flight:
            self._log.warning("worker.cut", slot=self._settings.slot, calls=self._gate.in_flight)

    async def _show_gauges(self) -> None:
        while True:
            self._metrics.refresh()
            await asyncio.to_thread(self._metrics.flush)
            await asyncio.sleep(GAUGES_SECONDS)

    def _gauges(self) -> Iterator[Reading]:
        return read_gauges(self._gate, self._server)

    def _link(self) -> Link:
        settings, seal = self._settings, self._outside.seal
        origin = read_origin(settings.control_url)
        resolver = Resolver(asyncio.get_running_loop().time)
        context: ssl.SSLContext | None = tls_context() if origin.secure else None
        channel = Pool(Dialler(origin, context, None, resolver), self._deadlines)
        head = (
            f"POST {origin.path}{LINK_PATH} HTTP/1.1\r\nhost: {origin.authority}\r\n"
            f"authorization: Bearer {node_token(seal)}\r\ncontent-type: application/json\r\n"
        ).encode("latin-1")
        instance = self._outside.randomness.take(INSTANCE_BYTES).hex()
        process = Process(f"{socket.gethostname()}/{settings.slot}", os.getpid(), instance)
        last_good = LastGood(settings.home / "snapshot", settings.slot, seal)
        return Link(channel, head, self._swap, last_good, process)


def _certificates(settings: WorkerSettings) -> Certificates | None:
    file = settings.certificate_file
    return None if file is None else Certificates(file, settings.key_file)


def _tune_collector() -> None:
    """What was made at the start stays; a call makes no cycles, so looking for them can wait."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTOR_THRESHOLD, 20, 20)
