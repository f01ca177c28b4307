"""`turnpike gateway`: one worker of the data plane."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Final

import uvloop

from turnpike.adapters.machine.berth import SlotInUse, take_berth
from turnpike.adapters.machine.ports import PortTaken
from turnpike.adapters.system.boot import SystemBoot
from turnpike.adapters.system.clock import SystemClock
from turnpike.adapters.system.randomness import SystemRandomness
from turnpike.bootstrap.certificate import check_certificate
from turnpike.bootstrap.configuration import Configuration, edge_limits
from turnpike.bootstrap.fault import CannotStart, CannotStartYet
from turnpike.bootstrap.home import existing_seal, make_home, opened_seal, told_of_file
from turnpike.bootstrap.machine import raise_open_files
from turnpike.bootstrap.role import beating, run_role
from turnpike.gateway.link import KeyRefused
from turnpike.gateway.worker import Outside, WorkerSettings, run_worker
from turnpike.providers.table import PROVIDERS
from turnpike.settings import Address, Settings
from turnpike.supervisor.notices import Announcer, Ready

_DRAINED_STATUS: Final = 0


def run_gateway(found: Configuration, slot: int, supervised: bool) -> int:
    """Serve calls until SIGTERM or SIGINT, and until those in flight are done; the exit status."""
    settings = found.settings

    def serve(announcer: Announcer) -> int:
        check_certificate(settings)
        _check_master_key(settings)
        make_home(settings.home)
        with _berth(settings, slot, supervised):
            return _serve(settings, slot, announcer)

    return run_role(found, f"gateway-{slot}", supervised, serve)


def _check_master_key(settings: Settings) -> None:
    """A key that is made here opens nothing that a control elsewhere seals. Raises CannotStart."""
    if settings.control_url is not None and existing_seal(settings) is None:
        raise CannotStart(
            f"there is no master key in {settings.home}, and one that is made here would not be that of the control"
            f" at {settings.control_url}: give this gateway control's own (TURNPIKE_MASTER_KEY or"
            " TURNPIKE_MASTER_KEY_FILE)"
        )


@contextlib.contextmanager
def _berth(settings: Settings, slot: int, supervised: bool) -> Iterator[None]:
    """The slot and the port, which workers of this home share and no other Turnpike joins."""
    try:
        berth = take_berth(settings.home / "run", slot, settings.gateway_listen, is_shared=supervised)
    except SlotInUse as fault:
        raise CannotStartYet(f"{fault}: stop it, or give this worker another with --slot") from None
    except PortTaken as fault:
        raise CannotStartYet(
            f"{fault}, and not by a worker of this home ({settings.home}): stop it, or choose another address with"
            " TURNPIKE_GATEWAY_LISTEN"
        ) from None
    except OSError as fault:
        raise CannotStart(_told(fault, settings)) from None
    try:
        yield
    finally:
        berth.release()


def _serve(settings: Settings, slot: int, announcer: Announcer) -> int:
    raise_open_files()
    outside = Outside(PROVIDERS, opened_seal(settings), SystemClock(), SystemBoot(), SystemRandomness())
    worker = worker_settings(settings, slot)

    def serving(port: int) -> None:
        announcer.announce(Ready(str(Address(worker.host, port))))

    faults = _faults_of(lambda: uvloop.run(beating(announcer, run_worker(worker, outside, serving))))
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


def _told(fault: OSError | KeyRefused, settings: Settings) -> str:
    """What was refused: by control this worker's key, by the system a file, by its name, or to listen."""
    if isinstance(fault, KeyRefused):
        return f"{settings.control_url or settings.control_listen.url}: {fault}"
    if fault.filename is not None:
        return told_of_file(fault)
    if fault.errno is None:
        return str(fault)
    return f"cannot listen on {settings.gateway_listen}: {os.strerror(fault.errno)}"


def _faults_of(work: Callable[[], None]) -> list[OSError | KeyRefused]:
    """What was refused, out of the group in which tasks that ran beside it put it."""
    faults: list[OSError | KeyRefused] = []
    try:
        work()
    except* (OSError, KeyRefused) as group:
        faults += _leaves(group)
    return faults


def _leaves(group: BaseExceptionGroup[OSError | KeyRefused]) -> list[OSError | KeyRefused]:
    found: list[OSError | KeyRefused] = []
    for fault in group.exceptions:
        found += _leaves(fault) if isinstance(fault, BaseExceptionGroup) else [fault]
    return found
