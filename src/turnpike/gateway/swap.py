"""Taking up a configuration: provisioned whole, swapped in between two calls, the old one retired."""

from __future__ import annotations

import asyncio

import msgspec

from turnpike.domain.snapshot import Snapshot
from turnpike.gateway.gate import Gate
from turnpike.gateway.provision import Provisioner, Serving
from turnpike.ports.link import WorkerState
from turnpike.ports.metrics import Metrics

UNKNOWN_MODEL = "other"


class Swap:
    """What a worker serves with, and the way to change it."""

    def __init__(self, gate: Gate, provisioner: Provisioner, metrics: Metrics) -> None:
        self._gate = gate
        self._provisioner = provisioner
        self._metrics = metrics
        self.begun = asyncio.Event()
        """Set from the first configuration on."""

    @property
    def running(self) -> str | None:
        """The version that is served, None before the first."""
        serving = self._gate.serving
        return serving.snapshot.version if serving is not None else None

    @property
    def state(self) -> WorkerState:
        """What the worker is doing: starting, ready or draining."""
        if self._gate.draining:
            return "draining"
        return "starting" if self._gate.serving is None else "ready"

    async def provision(self, snapshot: Snapshot) -> Serving:
        """The snapshot, ready to serve. Raises Unprovisionable."""
        return await self._provisioner.provision(snapshot, self._gate.serving)

    def withdraw(self, snapshot: Snapshot) -> None:
        """Refuse from now on every secret that the snapshot lets open nothing, whatever becomes of the rest of it."""
        serving = self._gate.serving
        if serving is not None:
            identities = serving.identities.within(snapshot.keys)
            self._gate.serving = msgspec.structs.replace(serving, identities=identities)

    def take_up(self, serving: Serving) -> None:
        """Serve with it from now on."""
        old, self._gate.serving = self._gate.serving, serving
        self._metrics.name_models(_Labels(serving))
        self.begun.set()
        if old is not None:
            self._provisioner.retire(old, serving)


class _Labels:
    """Configured names for what callers ask for, so that no caller makes up a metric's label."""

    def __init__(self, serving: Serving) -> None:
        self._find = serving.catalogue.find

    def __call__(self, asked: str) -> str:
        found = self._find(asked)
        return found[0].name if found is not None else UNKNOWN_MODEL
