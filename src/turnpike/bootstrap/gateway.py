"""`turnpike gateway`: one worker of the data plane."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

import uvloop

from turnpike.adapters.system.boot import SystemBoot
from turnpike.adapters.system.clock import SystemClock
from turnpike.adapters.system.randomness import SystemRandomness
from turnpike.bootstrap.configuration import Configuration, edge_limits
from turnpike.bootstrap.fault import CannotStart
from turnpike.bootstrap.home import opened_seal, prepare_home, told_of_file
from turnpike.bootstrap.machine import raise_open_files
from turnpike.bootstrap.role import beating, run_role
from turnpike.gateway.worker import Outside, WorkerSettings, run_worker
from turnpike.providers.table import PROVIDERS
from turnpike.settings import Address, Settings
from turnpike.supervisor.notices import Announcer, Ready

_DRAINED_STATUS: Final = 0


def run_gateway(found: Configuration, slot: int, supervised: bool) -> int:
    """Serve calls until SIGTERM or SIGINT, and until those in flight are done; the exit status."""
    return run_role(
        found, f"gateway-{slot}", supervised, lambda announcer: _serve(found.settings, slot, announcer)
    )


def _serve(settings: Settings, slot: int, announcer: Announcer) -> int:
    prepare_home(settings.home)
    raise_open_files()
    outside = Outside(PROVIDERS, opened_seal(settings), SystemClock(), SystemBoot(), SystemRandomness())
    worker = worker_settings(settings, slot)

    def listening(port: int) -> None:
        announcer.announce(Ready(str(Address(worker.host, port))))

    faults = _faults_of(lambda: uvloop.run(beating(announcer, run_worker(worker, outside, listening))))
    if faults:
        raise CannotStart("; ".join(_told(fault, settings) for fault in faults))
    return _DRAINED_STATUS


def worker_settings(settings: Settings, slot: int) -> WorkerSettings:
    """What a worker is told at its start."""
    return WorkerSettings(
        slot=slot,
        home=settings.home,
        host=settings.gateway_listen.host,
        port=settings.gateway_listen.port,
        control_url=settings.control_url or settings.control_listen.url,
        drain_seconds=settings.drain_seconds,
        limits=edge_limits(settings),
        origins=settings.cors_origins,
        certificate_file=settings.tls_certificate,
        key_file=settings.tls_key,
    )


def _told(fault: OSError, settings: Settings) -> str:
    """What the system refused: a file, by its name, or to listen."""
    if fault.filename is not None:
        return told_of_file(fault)
    if fault.errno is None:
        return str(fault)
    return f"cannot listen on {settings.gateway_listen}: {os.strerror(fault.errno)}"


def _faults_of(work: Callable[[], None]) -> list[OSError]:
    """What the system refused, out of the group in which tasks that ran beside it put it."""
    faults: list[OSError] = []
    try:
        work()
    except* OSError as group:
        faults += _leaves(group)
    return faults


def _leaves(group: BaseExceptionGroup[OSError]) -> list[OSError]:
    found: list[OSError] = []
    for fault in group.exceptions:
        found += _leaves(fault) if isinstance(fault, BaseExceptionGroup) else [fault]
    return found
