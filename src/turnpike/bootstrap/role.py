"""What every role has in common: its log, its announcements, its end when the supervisor is gone."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Final

import structlog

from turnpike.bootstrap.configuration import Configuration
from turnpike.bootstrap.fault import CannotStart, CannotStartYet
from turnpike.bootstrap.terminal import StandardStreams
from turnpike.logs import set_up_logs
from turnpike.supervisor.lifeline import hold_lifeline
from turnpike.supervisor.notices import HOPELESS_STATUS, Announcer, Failed, ToSupervisor, ToTerminal
from turnpike.supervisor.pulse import BEAT_SECONDS
from turnpike.supervisor.supervise import END_WITHIN_SECONDS

STANDARD_INPUT: Final = 0
COULD_NOT_STATUS: Final = 1

_MEND: Final = (
    "a fault of Turnpike's own: report it with this event; until it is mended, start with the configuration and the"
    " release that worked last"
)

_log = structlog.get_logger()


def run_role(found: Configuration, name: str, supervised: bool, serve: Callable[[Announcer], int]) -> int:
    """Run `serve` as the role `name` until it returns; the exit status, HOPELESS where another start ends so too.

    Under a supervisor, standard output carries notices, and the end of standard input ends the role.
    """
    settings = found.settings
    set_up_logs(settings.log_format, settings.log_level, role=name)
    sys.excepthook = _log_own_fault
    announcer: Announcer
    if supervised:
        hold_lifeline(STANDARD_INPUT, settings.drain_seconds + END_WITHIN_SECONDS)
        announcer = ToSupervisor(sys.stdout)
    else:
        announcer = ToTerminal(StandardStreams(settings.home / "run"), name)
    try:
        return serve(announcer)
    except CannotStart as fault:
        announcer.announce(Failed(f"turnpike: {name}: {fault}"))
        may_pass = isinstance(fault, CannotStartYet)
        return COULD_NOT_STATUS if may_pass else HOPELESS_STATUS


def _log_own_fault(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
    """A fault that nothing here decides about ends the role; its traceback is one event of the log, with what to do."""
    if not issubclass(kind, Exception):
        sys.__excepthook__(kind, fault, trace)
        return
    _log.critical("role.failed", fault=kind.__name__, mend=_MEND, exc_info=(kind, fault, trace))


async def beating(announcer: Announcer, work: Coroutine[Any, Any, None]) -> None:
    """Do the work, and let the supervisor know as long as the event loop turns."""
    async with asyncio.TaskGroup() as group:
        beats = group.create_task(_beat(announcer))
        await work
        beats.cancel()


async def _beat(announcer: Announcer) -> None:
    while True:
        announcer.beat()
        await asyncio.sleep(BEAT_SECONDS)
