"""The order of things: control first, then the workers; at the end the workers, then control."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
import structlog

from turnpike.supervisor.course import Course
from turnpike.supervisor.pulse import SILENCE_MAX_SECONDS
from turnpike.supervisor.role import Role, SupervisedRole
from turnpike.supervisor.terminal import Terminal

READY_WITHIN_SECONDS: Final = 10.0
END_WITHIN_SECONDS: Final = 5.0
"""Beyond the drain: the time for a process to end once it has nothing left to do."""

DRAINED_STATUS: Final = 0
COULD_NOT_STATUS: Final = 1
INTERRUPTED_STATUS: Final = 130

_log = structlog.get_logger()


class Supervision(msgspec.Struct, frozen=True):
    """What to keep running, and who is told about it.

    started: called with control and the workers, when all are ready or had their time, and again once all
    are that were not by then.
    without_control: what the gateway does while control is not ready, for the person who watches.
    """

    control: Role
    workers: tuple[Role, ...]
    drain_seconds: float
    terminal: Terminal
    started: Callable[[SupervisedRole, Sequence[SupervisedRole]], None]
    ready_within_seconds: float = READY_WITHIN_SECONDS
    end_within_seconds: float = END_WITHIN_SECONDS
    silence_max_seconds: float = SILENCE_MAX_SECONDS
    without_control: str = "the gateway starts from its last good snapshot"


async def supervise(plan: Supervision) -> int:
    """Run until a signal ends it; the exit status of the whole: 0 where it ended in good order."""
    course = Course()
    _take_signals(course)
    control, *workers = (
        SupervisedRole(role, course, plan.terminal, plan.silence_max_seconds)
        for role in (plan.control, *plan.workers)
    )
    everyone = [control, *workers]
    async with asyncio.TaskGroup() as group:
        group.create_task(control.tend())
        await _wait_for_control(plan, course, control)
        if not course.stopping() and not control.hopeless:
            for worker in workers:
                group.create_task(worker.tend())
            await _wait_for_workers(plan, course, workers)
            if not course.stopping() and not any(role.hopeless for role in everyone):
                plan.started(control, workers)
                group.create_task(_tell_late_ones(plan, course, control, workers))
        await course.until(lambda: course.stopping() or any(role.hopeless for role in everyone))
        if course.stopping():
            plan.terminal.say(
                f"stopping: calls in flight have {plan.drain_seconds:g} s to finish; Ctrl-C again ends at once"
            )
        course.stop()
        await _end(course, workers, plan.drain_seconds + plan.end_within_seconds)
        await _end(course, [control], plan.end_within_seconds)
    if course.at_once():
        return INTERRUPTED_STATUS
    return COULD_NOT_STATUS if any(role.hopeless for role in everyone) else DRAINED_STATUS


def _take_signals(course: Course) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, course.interrupt)
    loop.add_signal_handler(signal.SIGTERM, course.stop)
    loop.add_signal_handler(signal.SIGHUP, course.stop)


async def _wait_for_control(plan: Supervision, course: Course, control: SupervisedRole) -> None:
    settled = await course.until(
        lambda: control.ready or control.hopeless or course.stopping(), plan.ready_within_seconds
    )
    if not settled:
        _log.warning("control.late", waited_seconds=plan.ready_within_seconds)
        plan.terminal.say(
            f"control is not ready after {plan.ready_within_seconds:g} s: {plan.without_control}"
        )


async def _wait_for_workers(plan: Supervision, course: Course, workers: list[SupervisedRole]) -> None:
    def settled() -> bool:
        return course.stopping() or all(w.ready or w.hopeless for w in workers)

    if not await course.until(settled, plan.ready_within_seconds):
        late = [w.role.name for w in workers if not w.ready]
        _log.warning("workers.late", children=late, waited_seconds=plan.ready_within_seconds)


async def _tell_late_ones(
    plan: Supervision, course: Course, control: SupervisedRole, workers: Sequence[SupervisedRole]
) -> None:
    def all_ready() -> bool:
        return control.ready and all(worker.ready for worker in workers)

    if all_ready():
        return
    await course.until(lambda: course.stopping() or all_ready())
    if not course.stopping():
        plan.started(control, workers)


async def _end(course: Course, roles: list[SupervisedRole], within_seconds: float) -> None:
    """Ask each to end; what does not within the time, or what a second Ctrl-C meets, is killed."""

    def all_ended() -> bool:
        return all(role.ended for role in roles)

    if all_ended():
        return
    if not course.at_once():
        _log.info("roles.ending", children=[role.role.name for role in roles], within_seconds=within_seconds)
        for role in roles:
            role.send(signal.SIGTERM)
        await course.until(lambda: all_ended() or course.at_once(), within_seconds)
    for role in roles:
        if not role.ended:
            _log.warning("role.killed", child=role.role.name)
            role.send(signal.SIGKILL)
    await course.until(all_ended, END_WITHIN_SECONDS)
