"""`turnpike control`: store, API and publication in one process."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from functools import partial
from typing import Final

import structlog
import uvloop

from turnpike import __version__
from turnpike.adapters.machine.lock import HomeInUse, HomeLock
from turnpike.adapters.machine.ports import PortTaken, bind_shared, check_free
from turnpike.adapters.sql.store import SqlStore, open_postgres_store, open_sqlite_store
from turnpike.adapters.system.clock import SystemClock
from turnpike.adapters.system.randomness import SystemRandomness
from turnpike.bootstrap.banner import PLAIN_CONTROL
from turnpike.bootstrap.configuration import Configuration
from turnpike.bootstrap.control_start import start_control
from turnpike.bootstrap.fault import CannotStart, CannotStartYet
from turnpike.bootstrap.home import STORE_NAME, opened_seal, prepare_home, told_of_file
from turnpike.bootstrap.machine import raise_open_files
from turnpike.bootstrap.role import beating, run_role
from turnpike.bootstrap.vendor_variables import is_at
from turnpike.control.app import make_control
from turnpike.control.app import run_control as run_control_app
from turnpike.control.plane import Plane
from turnpike.domain.errors import StoreUnavailable
from turnpike.gateway.probe import Prober
from turnpike.ports.sealing import Seal
from turnpike.providers.table import PROVIDERS
from turnpike.settings import Address, Settings
from turnpike.supervisor.notices import Announcer, Ready

BACKLOG: Final = 512
SWITCH_SECONDS: Final = 0.0001
"""How long one thread computes while others wait to: a revocation goes through dozens of such turns beside a document
that is read, and Python's own 5 ms for each of them make a second of it."""

DRAINED_STATUS: Final = 0

_log = structlog.get_logger()


def run_control(found: Configuration, supervised: bool, starting: bool) -> int:
    """Serve the control API until SIGTERM or SIGINT; the exit status.

    `starting`: the configuration's file is applied first. Alone, the home is locked against others.
    """

    def serve(announcer: Announcer) -> int:
        prepare_home(found.settings.home)
        with contextlib.ExitStack() as held:
            if not supervised:
                held.enter_context(_locked(found.settings))
            return _serve(found, announcer, starting, supervised)

    return run_role(found, "control", supervised, serve)


def _serve(found: Configuration, announcer: Announcer, starting: bool, supervised: bool) -> int:
    settings = found.settings
    _warn_of_plain_http(settings.control_listen)
    raise_open_files()
    sys.setswitchinterval(SWITCH_SECONDS)
    seal = opened_seal(settings)
    leads_back = partial(is_at, listen=settings.gateway_listen)
    plane = Plane(_store(settings), seal, SystemClock(), SystemRandomness(), PROVIDERS, leads_back=leads_back)
    with _listening(settings, shared=supervised) as listener:
        _start(plane, found, announcer, starting)
        address = Address(settings.control_listen.host, listener.getsockname()[1])
        # From here on the kernel holds connections until they are taken, so that nobody is refused.
        announcer.announce(Ready(str(address)))
        uvloop.run(beating(announcer, _run(plane, seal, listener)))
    plane.store.close()
    return DRAINED_STATUS


def _warn_of_plain_http(listen: Address) -> None:
    if not listen.is_of_this_machine_alone:
        _log.warning("control.plain_http", listen=str(listen), reason=PLAIN_CONTROL)


async def _run(plane: Plane, seal: Seal, listener: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = make_control(plane, __version__, Prober(PROVIDERS, seal).ask)
    await run_control_app(app, [listener], stop)


def _start(plane: Plane, found: Configuration, announcer: Announcer, starting: bool) -> None:
    try:
        start_control(plane, found, announcer, starting)
    except StoreUnavailable as fault:
        if found.settings.store_url is None:
            raise CannotStart(str(fault)) from None
        # A database elsewhere may only be starting, or be back in a moment.
        raise CannotStartYet(f"{fault} (TURNPIKE_STORE_URL; `turnpike doctor` looks at it)") from None


def _store(settings: Settings) -> SqlStore:
    try:
        if settings.store_url is not None:
            return open_postgres_store(settings.store_url)
        return open_sqlite_store(settings.home / STORE_NAME)
    except StoreUnavailable as fault:
        raise CannotStart(str(fault)) from None


@contextlib.contextmanager
def _locked(settings: Settings) -> Iterator[None]:
    try:
        lock = HomeLock(settings.home)
    except HomeInUse as fault:
        raise CannotStartYet(str(fault)) from None
    except OSError as fault:
        raise CannotStart(told_of_file(fault)) from None
    try:
        yield
    finally:
        lock.release()


def _listening(settings: Settings, *, shared: bool) -> socket.socket:
    """The listening socket; beside the supervisor's reservation where the port is shared with it."""
    host, port = settings.control_listen
    try:
        if port and not shared:
            check_free(host, port)
        listener = bind_shared(host, port)
        listener.listen(BACKLOG)
    except PortTaken as fault:
        raise CannotStartYet(
            f"{fault}: stop it, or choose another address with TURNPIKE_CONTROL_LISTEN"
        ) from None
    except OSError as fault:
        raise CannotStart(f"cannot listen on {settings.control_listen}: {fault.strerror}") from None
    return listener
