"""What is kept for a time is kept for that time, whatever the machine's clock is set to meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.gateway.test_provision_secrets import OpenSeal
from turnpike.adapters.system.boot import SystemBoot
from turnpike.adapters.system.clock import SystemClock
from turnpike.gateway.idempotency.claim import Claim
from turnpike.gateway.idempotency.entry import Claimed
from turnpike.gateway.idempotency.folder import LIFETIME_SECONDS, Folder
from turnpike.gateway.steady_clock import SteadyClock

SECOND_NS = 1_000_000_000
DAY_NS = LIFETIME_SECONDS * SECOND_NS
CLAIMED = Claimed(b"f", "0193a1f0-0000-7000-8000-000000000000")


class Machine:
    """A clock that somebody sets (`now`), and what goes on by itself from the start on (`passed`)."""

    def __init__(self) -> None:
        self.id = "first"
        self.now = 20_000 * DAY_NS
        self.passed = 7 * SECOND_NS

    def now_ns(self) -> int:
        return self.now

    def monotonic_ns(self) -> int:
        return self.passed

    def elapsed_ns(self) -> int:
        return self.passed

    def go_on(self, nanoseconds: int) -> None:
        self.now += nanoseconds
        self.passed += nanoseconds

    def start_again(self) -> None:
        self.id, self.passed = "second", 0


def a_folder(home: Path, machine: Machine) -> Folder:
    """The keys as a worker that begins now has them."""
    return Folder(home / "idempotency", OpenSeal(), SteadyClock(home / "run", machine, machine))


def use_key(folder: Folder) -> bool:
    """Whether the key is a new one; it is taken then."""
    claim = folder.enter("00key", CLAIMED, bytes(8))
    if isinstance(claim, Claim):
        claim.leave()
    return isinstance(claim, Claim)


def test_it_goes_on_by_what_has_passed_alone(tmp_path: Path) -> None:
    machine = Machine()
    steady = SteadyClock(tmp_path, machine, machine)
    began = steady.now_ns()
    assert began == machine.now
    machine.now += DAY_NS
    machine.passed += 3 * SECOND_NS
    assert (steady.now_ns() - began, steady.monotonic_ns()) == (3 * SECOND_NS, machine.passed)


@pytest.mark.parametrize("step_ns", [DAY_NS + SECOND_NS, -DAY_NS])
def test_a_key_lives_its_day_in_every_worker_when_the_clock_is_set(tmp_path: Path, step_ns: int) -> None:
    machine = Machine()
    first = a_folder(tmp_path, machine)
    assert use_key(first)
    machine.now += step_ns
    machine.go_on(60 * SECOND_NS)
    second = a_folder(tmp_path, machine)
    second.sweep("00")
    assert not use_key(second)
    machine.go_on(DAY_NS - 61 * SECOND_NS)
    for folder in (first, second):
        assert not use_key(folder)
    machine.go_on(2 * SECOND_NS)
    assert use_key(second)
    assert not use_key(first)


def test_a_machine_that_starts_again_is_believed_what_its_clock_says_then(tmp_path: Path) -> None:
    machine = Machine()
    assert use_key(a_folder(tmp_path, machine))
    machine.start_again()
    machine.now += DAY_NS - SECOND_NS
    assert not use_key(a_folder(tmp_path, machine))
    machine.start_again()
    machine.go_on(2 * SECOND_NS)
    assert use_key(a_folder(tmp_path, machine))
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["clock-second"]


def test_workers_that_begin_at_once_agree(tmp_path: Path) -> None:
    boot = SystemBoot()
    with ThreadPoolExecutor(8) as workers:
        clocks = list(workers.map(lambda _: SteadyClock(tmp_path, SystemClock(), boot), range(50)))
    times = [clock.now_ns() for clock in clocks]
    assert times == sorted(times)
    assert [file.name for file in tmp_path.iterdir()] == [f"clock-{boot.id}"]
