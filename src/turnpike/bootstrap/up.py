"""`turnpike up`: everything on one machine under one supervisor."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from turnpike import __version__
from turnpike.adapters.machine.lock import HomeInUse, HomeLock
from turnpike.adapters.machine.ports import PortTaken, reserve
from turnpike.bootstrap.banner import banner, gateway_url
from turnpike.bootstrap.certificate import check_certificate
from turnpike.bootstrap.configuration import Configuration
from turnpike.bootstrap.fault import CannotStart
from turnpike.bootstrap.home import SNAPSHOT_NAME, opened_seal, prepare_home, told_of_file
from turnpike.bootstrap.machine import raise_open_files
from turnpike.bootstrap.packages import check_control_packages
from turnpike.bootstrap.running import Running, note_running
from turnpike.bootstrap.terminal import StandardStreams
from turnpike.logs import set_up_logs
from turnpike.providers.table import PROVIDERS
from turnpike.settings import Address
from turnpike.supervisor.role import Role, SupervisedRole
from turnpike.supervisor.supervise import Supervision, supervise

_WITH_SNAPSHOT: Final = "the gateway starts from its last good snapshot"
_WITHOUT_SNAPSHOT: Final = (
    "the gateway has no snapshot of an earlier start, and refuses calls until control is"
)

_log = structlog.get_logger()


def run_up(found: Configuration) -> int:
    """Run every role until a signal ends it; the exit status. Raises CannotStart before any is started."""
    settings = found.settings
    set_up_logs(settings.log_format, settings.log_level, role="supervisor")
    for name in found.unknown:
        _log.warning("settings.unknown", variable=name)
    _check_config(settings.config)
    check_certificate(settings)
    check_control_packages()
    prepare_home(settings.home)
    lock = _locked(settings.home)
    opened_seal(settings)
    raise_open_files()
    gateway_port = _reserved(settings.gateway_listen, "TURNPIKE_GATEWAY_LISTEN")
    control_port = _reserved(settings.control_listen, "TURNPIKE_CONTROL_LISTEN")
    with gateway_port, control_port:
        gateway = Address(settings.gateway_listen.host, gateway_port.getsockname()[1])
        control = Address(settings.control_listen.host, control_port.getsockname()[1])
        running = Running(os.getpid(), __version__, gateway_url(settings, gateway), control.url)
        note = note_running(settings.home, running)
        terminal = StandardStreams(settings.home / "run")
        try:
            return asyncio.run(supervise(_supervision(found, gateway, control, terminal)))
        finally:
            terminal.say_kept()
            note.unlink(missing_ok=True)
            lock.release()


def _check_config(file: Path | None) -> None:
    if file is not None and not file.is_file():
        raise CannotStart(f"TURNPIKE_CONFIG: there is no file {file}")


def _locked(home: Path) -> HomeLock:
    try:
        return HomeLock(home)
    except HomeInUse as fault:
        raise CannotStart(str(fault)) from None
    except OSError as fault:
        raise CannotStart(told_of_file(fault)) from None


def _reserved(address: Address, variable: str) -> socket.socket:
    try:
        return reserve(*address)
    except PortTaken as fault:
        raise CannotStart(f"{fault}: stop it, or choose another address with {variable}") from None
    except OSError as fault:
        raise CannotStart(f"{variable}: cannot listen on {address} ({fault.strerror})") from None


def _supervision(
    found: Configuration, gateway: Address, control: Address, terminal: StandardStreams
) -> Supervision:
    settings = found.settings
    environ = {
        **found.environ,
        **found.flags,
        "TURNPIKE_GATEWAY_LISTEN": str(gateway),
        "TURNPIKE_CONTROL_LISTEN": str(control),
        "TURNPIKE_CONTROL_URL": control.url,
    }
    worker_environ = without_control_secrets(environ)

    def started(control_role: SupervisedRole, workers: Sequence[SupervisedRole]) -> None:
        ready = sum(worker.ready for worker in workers)
        control_state = "" if control_role.ready else "not ready: the log says why"
        workers_state = f"{ready} of {len(workers)} workers ready"
        terminal.say(banner(settings, gateway, control, workers_state, control_state))
        terminal.say_kept()
        terminal.say("Ctrl-C stops it.")

    return Supervision(
        control=Role("control", _command("control"), environ, at_first=("--starting",)),
        workers=tuple(
            Role(f"gateway-{slot}", (*_command("gateway"), "--slot", str(slot)), worker_environ)
            for slot in range(settings.workers)
        ),
        drain_seconds=settings.drain_seconds,
        terminal=terminal,
        started=started,
        without_control=_WITH_SNAPSHOT if (settings.home / SNAPSHOT_NAME).exists() else _WITHOUT_SNAPSHOT,
    )


def without_control_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment for workers: they get credentials in the snapshot, sealed, and need no other."""
    kept_back = {kind.credential_variable for kind in PROVIDERS.values()} | {
        "TURNPIKE_ADMIN_KEY",
        "TURNPIKE_STORE_URL",
    }
    return {name: value for name, value in environ.items() if name not in kept_back}


def _command(role: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "turnpike", role, "--supervised")
