"""What is kept for a time is kept for that time, whatever the machine's clock is set to meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.gateway.test_provision_secrets import OpenSeal
from turnpike.gateway.idempotency.claim import Claim
from turnpike.gateway.idempotency.entry import Claimed
from turnpike.gateway.idempotency.folder import LIFETIME_SECONDS, Folder
from turnpike.gateway.steady_clock import SteadyClock

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS


class SetClock:
    """A machine's clock: `now` is set by somebody, `passed` goes on by itself."""

    def __init__(self) -> None:
        self.now = 20_000 * DAY_NS
        self.passed = 7 * SECOND_NS

    def now_ns(self) -> int:
        return self.now

    def monotonic_ns(self) -> int:
        return self.passed


def test_it_goes_on_by_what_has_passed_alone() -> None:
    clock = SetClock()
    steady = SteadyClock(clock)
    began = steady.now_ns()
    assert began == clock.now
    clock.now += DAY_NS
    clock.passed += 3 * SECOND_NS
    assert (steady.now_ns() - began, steady.monotonic_ns()) == (3 * SECOND_NS, clock.passed)


@pytest.mark.parametrize("step_ns", [DAY_NS + SECOND_NS, -DAY_NS])
def test_a_key_lives_its_day_when_the_clock_is_set(tmp_path: Path, step_ns: int) -> None:
    clock = SetClock()
    folder = Folder(tmp_path, OpenSeal(), SteadyClock(clock))
    claimed = Claimed(b"f", "0193a1f0-0000-7000-8000-000000000000")
    claim = folder.enter("00key", claimed)
    assert isinstance(claim, Claim)
    claim.leave()
    clock.now += step_ns
    clock.passed += (LIFETIME_SECONDS - 1) * SECOND_NS
    assert not isinstance(folder.enter("00key", claimed), Claim)
    clock.passed += 2 * SECOND_NS
    assert isinstance(folder.enter("00key", claimed), Claim)
