"""The supervisor with small real processes in the roles' places."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from turnpike.supervisor.role import Role
from turnpike.supervisor.supervise import Supervision, supervise

READY = "import json, os, signal, sys, time\ndef say(**n): print(json.dumps(n), flush=True)\n"
SERVES = READY + "say(type='ready', address='x:1')\nsignal.sigwait({signal.SIGTERM})\n"
BLOCKED = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
WELL = BLOCKED + SERVES
BOUND_SECONDS = 10


class Watcher:
    """A terminal that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.said_once: list[str] = []
        self.complaints: list[str] = []
        self.pids: dict[str, list[int]] = {}
        self.order: list[tuple[str, str]] = []
        self.is_up = False

    def say(self, text: str) -> None:
        self.said.append(text)

    def say_once(self, text: str) -> None:
        self.said_once.append(text)

    def complain(self, text: str) -> None:
        self.complaints.append(text)

    def note_process(self, role: str, pid: int | None) -> None:
        self.order.append((role, "ended" if pid is None else "started"))
        if pid is not None:
            self.pids.setdefault(role, []).append(pid)

    def deaths(self, role: str) -> int:
        return self.order.count((role, "ended"))


def a_role(name: str, program: str, at_first: tuple[str, ...] = ()) -> Role:
    return Role(name, (sys.executable, "-S", "-c", program), dict(os.environ), at_first)


def a_plan(watcher: Watcher, control: Role, *workers: Role, ready_within_seconds: float = 5.0) -> Supervision:
    def started(*_: object) -> None:
        watcher.is_up = True

    return Supervision(control, workers, 0.2, watcher, started, ready_within_seconds, end_within_seconds=0.3)


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND_SECONDS):
        while not happened():
            await asyncio.sleep(0.01)


def run(plan: Supervision, story: Callable[[], Awaitable[None]]) -> int:
    async def together() -> int:
        async with asyncio.TaskGroup() as group:
            whole = group.create_task(supervise(plan))
            await story()
        return whole.result()

    return asyncio.run(together())


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_control_is_ready_before_a_worker_starts_and_ends_after_the_last_one() -> None:
    watcher = Watcher()
    plan = a_plan(watcher, a_role("control", WELL), a_role("gateway-0", WELL), a_role("gateway-1", WELL))

    async def story() -> None:
        await until(lambda: watcher.is_up)
        stop()

    assert run(plan, story) == 0
    assert watcher.order[0] == ("control", "started")
    assert watcher.order[-1] == ("control", "ended")


def test_a_worker_that_is_killed_is_started_again_and_the_others_are_left_alone() -> None:
    watcher = Watcher()
    plan = a_plan(watcher, a_role("control", WELL), a_role("gateway-0", WELL), a_role("gateway-1", WELL))

    async def story() -> None:
        await until(lambda: watcher.is_up)
        os.kill(watcher.pids["gateway-0"][0], signal.SIGKILL)
        await until(lambda: len(watcher.pids["gateway-0"]) == 2)
        stop()

    assert run(plan, story) == 0
    assert {name: len(pids) for name, pids in watcher.pids.items()} == {
        "control": 1,
        "gateway-0": 2,
        "gateway-1": 1,
    }


def beating(times: int | None = None) -> str:
    """A role that beats so often, or for ever, and serves on in any case."""
    count = "itertools.count()" if times is None else f"range({times})"
    return (
        READY
        + "import itertools\nsay(type='ready', address='x:1')\n"
        + f"for _ in {count}: say(type='beat'); time.sleep(0.05)\n"
        + "while True: signal.pause()\n"
    )


def test_a_role_that_hangs_is_killed_and_started_again(capfd: pytest.CaptureFixture[str]) -> None:
    watcher = Watcher()
    plan = a_plan(watcher, a_role("control", WELL), a_role("gateway-0", beating()))
    plan = msgspec.structs.replace(plan, silence_max_seconds=2.0)

    async def story() -> None:
        await until(lambda: watcher.is_up)
        os.kill(watcher.pids["gateway-0"][0], signal.SIGSTOP)
        await until(lambda: len(watcher.pids["gateway-0"]) == 2)
        stop()

    assert run(plan, story) == 0
    assert watcher.pids["control"][1:] == []
    assert "role.hung" in "".join(capfd.readouterr())


def test_a_role_that_stops_beating_hangs_though_its_process_lives() -> None:
    watcher = Watcher()
    plan = a_plan(watcher, a_role("control", WELL), a_role("gateway-0", beating(times=3)))
    plan = msgspec.structs.replace(plan, silence_max_seconds=0.5)

    async def story() -> None:
        await until(lambda: len(watcher.pids.get("gateway-0", ())) == 2)
        stop()

    assert run(plan, story) == 0
    assert watcher.pids["control"][1:] == []


def test_arguments_of_the_first_start_are_not_given_again_once_the_role_was_ready() -> None:
    watcher = Watcher()
    tells = READY + "say(type='said', text=' '.join(sys.argv[1:]) or 'none')\n" + WELL
    plan = a_plan(watcher, a_role("control", tells, at_first=("--starting",)))

    async def story() -> None:
        await until(lambda: watcher.is_up)
        os.kill(watcher.pids["control"][0], signal.SIGKILL)
        await until(lambda: len(watcher.said) == 2)
        stop()

    assert run(plan, story) == 0
    assert watcher.said[:2] == ["--starting", "none"]


def test_workers_start_without_a_control_that_does_not_become_ready() -> None:
    watcher = Watcher()
    mute = BLOCKED + "signal.sigwait({signal.SIGTERM})"
    plan = a_plan(watcher, a_role("control", mute), a_role("gateway-0", WELL), ready_within_seconds=0.3)

    async def story() -> None:
        await until(lambda: watcher.is_up)
        stop()

    assert run(plan, story) == 0
    assert any("last good snapshot" in text for text in watcher.said)


def test_what_was_late_is_told_once_it_is_ready(tmp_path: Path) -> None:
    watcher = Watcher()
    told: list[tuple[bool, bool]] = []
    allowed = tmp_path / "ready"
    slow = READY + f"while not os.path.exists({str(allowed)!r}): time.sleep(0.01)\n" + WELL
    plan = msgspec.structs.replace(
        a_plan(watcher, a_role("control", slow), a_role("gateway-0", WELL), ready_within_seconds=0.3),
        started=lambda control, workers: told.append((control.ready, all(w.ready for w in workers))),
        without_control="nothing is served",
    )

    async def story() -> None:
        await until(lambda: len(told) == 1)
        allowed.touch()
        await until(lambda: len(told) == 2)
        stop()

    assert run(plan, story) == 0
    assert told == [(False, True), (True, True)]
    assert any("nothing is served" in text for text in watcher.said)


def test_a_control_that_says_that_it_never_will_start_ends_the_whole_with_status_1() -> None:
    watcher = Watcher()
    refuses = READY + "say(type='failed', text='turnpike.yaml:1:1: no')\nsys.exit(78)"

    async def story() -> None:
        return

    assert run(a_plan(watcher, a_role("control", refuses), a_role("gateway-0", WELL)), story) == 1
    assert watcher.complaints == ["turnpike.yaml:1:1: no"]
    assert "gateway-0" not in watcher.pids


def test_a_role_that_does_not_end_within_its_time_is_killed() -> None:
    watcher = Watcher()
    deaf = READY + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsay(type='ready', address='x:1')\n"
    deaf += "while True: signal.pause()\n"
    plan = a_plan(watcher, a_role("control", WELL), a_role("gateway-0", deaf))

    async def story() -> None:
        await until(lambda: watcher.is_up)
        stop()

    assert run(plan, story) == 0
    assert watcher.deaths("gateway-0") == 1


def test_a_second_interrupt_ends_everything_at_once() -> None:
    watcher = Watcher()
    deaf = READY + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nsay(type='ready', address='x:1')\n"
    deaf += "while True: signal.pause()\n"
    plan = a_plan(watcher, a_role("control", deaf), a_role("gateway-0", deaf))

    async def story() -> None:
        await until(lambda: watcher.is_up)
        os.kill(os.getpid(), signal.SIGINT)
        await until(lambda: any("stopping" in text for text in watcher.said))
        os.kill(os.getpid(), signal.SIGINT)

    assert run(plan, story) == 130


def test_what_a_role_prints_that_is_no_notice_is_shown_as_a_complaint() -> None:
    watcher = Watcher()
    chatty = READY + "print('Traceback: oh')\n" + WELL
    plan = a_plan(watcher, a_role("control", chatty))

    async def story() -> None:
        await until(lambda: watcher.is_up)
        stop()

    assert run(plan, story) == 0
    assert watcher.complaints == ["Traceback: oh"]


def test_a_role_whose_supervisor_is_killed_ends_by_itself() -> None:
    program = (
        "import os, signal, sys\nfrom turnpike.supervisor.lifeline import hold_lifeline\n"
        "hold_lifeline(0, 5.0)\nprint(os.getpid(), flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as role:
        assert role.stdin is not None
        assert role.stdout is not None
        role.stdout.readline()
        role.stdin.close()
        assert role.wait(BOUND_SECONDS) == -signal.SIGTERM


def test_a_role_that_was_stopped_ends_too_when_its_supervisor_is_killed() -> None:
    """In good order, as after SIGTERM: what it has to finish, it finishes."""
    role = (
        "import os, signal\nfrom turnpike.supervisor.lifeline import hold_lifeline\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n"
        "hold_lifeline(0, 60.0)\nprint(os.getpid(), flush=True)\n"
        "signal.sigwait({signal.SIGTERM})\nprint('finished', flush=True)\n"
    )
    supervisor = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdin=subprocess.PIPE, start_new_session=True).wait()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", supervisor, role], stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout is not None
        pid = int(killed.stdout.readline())
        os.kill(pid, signal.SIGSTOP)
        killed.kill()
        try:
            assert select.select([killed.stdout], [], [], BOUND_SECONDS)[0], "the role is stopped still"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        assert killed.stdout.read() == "finished\n"


def test_a_role_that_the_machine_would_not_start_is_tried_again_and_the_others_serve_on(
    tmp_path: Path,
) -> None:
    watcher = Watcher()
    program = tmp_path / "worker"
    late = Role("gateway-0", (str(program),), dict(os.environ))
    plan = a_plan(watcher, a_role("control", WELL), late, a_role("gateway-1", WELL))

    async def story() -> None:
        await until(lambda: "gateway-1" in watcher.pids)
        program.write_text(f"#!{sys.executable} -S\n{WELL}")
        program.chmod(0o700)
        await until(lambda: watcher.is_up)
        stop()

    assert run(plan, story) == 0
    assert {name: len(pids) for name, pids in watcher.pids.items()} == {
        "control": 1,
        "gateway-0": 1,
        "gateway-1": 1,
    }
