"""Publication: one configuration at a time reaches every gateway worker, or none.

A worker asks over the node link and is answered when there is something for it. A candidate is
offered first (the worker provisions and holds it ready), and only when nobody refuses is it published.
What is published goes before what is offered: a revocation overtakes a candidate, which is decided
anew then. All of this lives on one event loop; nothing here is called from a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec

from turnpike.domain.errors import ProvisionRefused
from turnpike.ports.clock import SECOND_NS, Clock
from turnpike.ports.link import HOLD_LEAST_SECONDS, Phase, Report
from turnpike.ports.store import StoredSnapshot

HOLD_SECONDS = 15.0
"""How long a worker's question is held while there is nothing to say."""

LIVE_SECONDS = 20.0
"""A worker that was not heard of for so long is gone."""

OFFER_SECONDS = 5.0
"""How long workers have to provision a candidate; who says nothing is waited for no more until he is heard of."""

HURRIED_SECONDS = 0.5
"""How long they have where something waits that takes a right away, or the candidate itself does."""

SPREAD_SECONDS = 2.0
"""How long an answer waits for workers to say that they run what was published."""

WORKERS_MAX = 4096
"""More workers than this are not kept in mind: they are told what is published, and are offered nothing first."""


class Published(msgspec.Struct, frozen=True):
    """A snapshot on its way: its version, and its bytes."""

    version: str
    serial: int
    created_at_ns: int
    body: bytes


class Delivery(msgspec.Struct, frozen=True):
    """What a worker is told; the body is empty where the worker holds the version ready."""

    phase: Phase
    version: str
    body: bytes


class WorkerView(msgspec.Struct, frozen=True):
    """A worker as control last heard of it."""

    report: Report
    seen_ns: int


def published_from(stored: StoredSnapshot) -> Published:
    """A snapshot from the store, ready to be sent."""
    return Published(stored.version, stored.serial, stored.created_at_ns, stored.body)


def delivery_for(report: Report, current: Published | None, candidate: Published | None) -> Delivery | None:
    """What there is to say to a worker now, first of all what is published; None where it has to wait.

    What it was told to serve from is not said again: it tries by itself until it can.
    """
    if current is not None and current.version != _heard(report):
        held_ready = report.offered == current.version
        return Delivery("publish", current.version, b"" if held_ready else current.body)
    if candidate is None or not _is_asked(report) or candidate.version in _settled(report):
        return None
    return Delivery("offer", candidate.version, candidate.body)


def is_ahead(report: Report, current: Published | None) -> bool:
    """Whether a worker heard of something later than what is published here: another control process may be quicker."""
    serial = (_heard(report) or "").partition("-")[0]
    return current is not None and serial.isdecimal() and int(serial) > current.serial


def _heard(report: Report) -> str | None:
    """What a worker was last told to serve from, or else found on its own disk."""
    return report.published or report.running


def _settled(report: Report) -> tuple[str | None, ...]:
    """The candidates that a worker need not be offered again."""
    return report.offered, report.refused, report.preparing


def _name(report: Report) -> str:
    """By what a worker is told from every other; in order, it is the one that people know."""
    return f"{report.worker} {report.instance}"


def _is_asked(report: Report) -> bool:
    """A worker that serves nothing yet gets what is current; one that is going away needs nothing new."""
    return report.running is not None and report.state != "draining"


class Publication:
    """Who runs what, and what is being published.

    `turn` is taken for as long as a change is made that workers are asked about; `turn_at_once` for
    as long as one that asks nobody. Neither waits for the other.
    """

    def __init__(self, clock: Clock, offer_seconds: float = OFFER_SECONDS) -> None:
        self.turn = asyncio.Lock()
        self.turn_at_once = asyncio.Lock()
        self.current: Published | None = None
        self._clock = clock
        self._offer_seconds = offer_seconds
        self._candidate: Published | None = None
        self._hurries = 0
        self._patience: asyncio.Timeout | None = None
        self._workers: dict[str, WorkerView] = {}
        self._silent: frozenset[str] = frozenset()
        self._news = asyncio.Event()
        self._stopped = False

    def workers(self) -> tuple[WorkerView, ...]:
        """The workers that are live, by name."""
        self._forget_the_gone()
        return tuple(view for _, view in sorted(self._workers.items()))

    async def answer(self, report: Report, hold_seconds: float = HOLD_SECONDS) -> Delivery | None:
        """What the worker is told: at once where there is something, else when there is, or None after the hold."""
        view = self._seen(report)
        name = _name(report)
        is_kept = self._workers.get(name) is view
        self._silent -= {name}
        if report.preparing is not None:
            # It has more to say soon.
            hold_seconds = min(hold_seconds, HOLD_LEAST_SECONDS)
        try:
            async with asyncio.timeout(hold_seconds):
                while not self._stopped and (not is_kept or self._workers.get(name) is view):
                    delivery = delivery_for(report, self.current, self._candidate if is_kept else None)
                    if delivery is not None:
                        return delivery
                    await self._news.wait()
        except TimeoutError:
            self._seen(report)
        return None

    def leave(self, report: Report) -> None:
        """The worker that sent this report hung up: it is not waited for."""
        view = self._workers.get(_name(report))
        if view is not None and view.report is report:
            del self._workers[_name(report)]
            self._tell()

    async def offer(self, candidate: Published) -> bool:
        """Let every worker that is heard of provision the candidate.

        False where something was published meanwhile that the candidate knows nothing of: decide anew.
        Raises ProvisionRefused where a worker cannot. However it ends, nothing is offered any more.
        """
        asked = frozenset(name for name, view in self._live().items() if _is_asked(view.report))
        asked -= self._silent
        self._candidate = candidate
        self._tell()
        try:
            async with self._offer_bound():
                while self._candidate is candidate and self._undecided(asked, candidate.version):
                    await self._news.wait()
        except TimeoutError:
            self._silent |= self._undecided(asked, candidate.version)
        finally:
            overtaken = self._candidate is not candidate
            if not overtaken:
                self._candidate = None
        refusals = self._refusals(asked, candidate.version)
        if refusals:
            raise ProvisionRefused(
                "gateway workers cannot serve from this configuration, and nothing was changed: "
                + "; ".join(f"{worker}: {fault}" for worker, fault in refusals.items()),
                refusals,
            )
        return not overtaken

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """For as long as this is held, no offer waits longer than `HURRIED_SECONDS`, the one under way included."""
        self._hurries += 1
        self._hurry()
        try:
            yield
        finally:
            self._hurries -= 1

    def publish(self, snapshot: Published) -> bool:
        """From now on this is what every worker runs; False where it is not later than what is published."""
        if self.current is not None and snapshot.serial <= self.current.serial:
            return False
        self._replace(snapshot)
        return True

    def set_back(self, snapshot: Published, lost: Published) -> bool:
        """Publish what is not later, in place of what is lost; False where something else is published by now."""
        if self.current is not lost or snapshot.version == lost.version:
            return False
        self._replace(snapshot)
        return True

    async def spread(self, version: str) -> tuple[WorkerView, ...]:
        """The live workers, once all that are heard of run the version or a later one, or as they are after `SPREAD_SECONDS`."""
        try:
            async with asyncio.timeout(SPREAD_SECONDS):
                while any(self._lacks(version, view.report) for view in self.workers()):
                    await self._news.wait()
        except TimeoutError:
            pass
        return self.workers()

    def stop(self) -> None:
        """Answer everybody who waits, and hold nobody from now on."""
        self._stopped = True
        self._tell()

    @property
    def stopped(self) -> bool:
        """Whether control is going away."""
        return self._stopped

    def _offer_bound(self) -> asyncio.Timeout:
        self._patience = asyncio.timeout(
            min(self._offer_seconds, HURRIED_SECONDS) if self._hurries else self._offer_seconds
        )
        return self._patience

    def _hurry(self) -> None:
        """Let the offer under way end soon."""
        patience, soon = self._patience, asyncio.get_running_loop().time() + HURRIED_SECONDS
        if self._candidate is None or patience is None or patience.expired():
            return
        ends = patience.when()
        if ends is not None and ends > soon:
            patience.reschedule(soon)

    def _replace(self, snapshot: Published) -> None:
        if self._candidate is not None and self._candidate.serial <= snapshot.serial:
            self._candidate = None
        self.current = snapshot
        self._tell()

    def _seen(self, report: Report) -> WorkerView:
        self._forget_the_gone()
        view = WorkerView(report, self._clock.monotonic_ns())
        if _name(report) in self._workers or len(self._workers) < WORKERS_MAX:
            self._workers[_name(report)] = view
        self._tell()
        return view

    def _live(self) -> Mapping[str, WorkerView]:
        self._forget_the_gone()
        return self._workers

    def _forget_the_gone(self) -> None:
        oldest = self._clock.monotonic_ns() - round(LIVE_SECONDS * SECOND_NS)
        self._workers = {name: view for name, view in self._workers.items() if view.seen_ns >= oldest}
        self._silent &= self._workers.keys()

    def _undecided(self, asked: frozenset[str], version: str) -> frozenset[str]:
        """Of the workers that were asked, those that have still to answer; nobody once one has refused."""
        reports = {name: view.report for name, view in self._workers.items() if name in asked}
        if any(report.refused == version for report in reports.values()):
            return frozenset()
        return frozenset(
            name for name, report in reports.items() if report.offered != version and _is_asked(report)
        )

    def _lacks(self, version: str, report: Report) -> bool:
        """Whether a worker that is heard of has still to take up the version, or what came after it."""
        latest = self.current.version if self.current else None
        if _name(report) in self._silent or not _is_asked(report):
            return False
        return report.running not in (version, latest)

    def _refusals(self, asked: frozenset[str], version: str) -> dict[str, str]:
        return {
            view.report.worker: view.report.fault or "no reason given"
            for name, view in sorted(self._workers.items())
            if name in asked and view.report.refused == version
        }

    def _tell(self) -> None:
        """Wake everybody who waits; whoever waits afterwards waits for the next news."""
        self._news.set()
        self._news = asyncio.Event()
