"""Failed key attempts: counted by address, forgotten after a minute, in a table that does not grow."""

from __future__ import annotations

import pytest

from turnpike.control.attempts import ADDRESSES_MAX, FAILURES_MAX, WINDOW_SECONDS, Attempts
from turnpike.domain.errors import RateLimited

PEER = "192.0.2.7"


class SetClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now_ns(self) -> int:
        return round(self.seconds * 1e9)

    def monotonic_ns(self) -> int:
        return round(self.seconds * 1e9)


def _failed(attempts: Attempts, peer: str | None, times: int = FAILURES_MAX) -> None:
    for _ in range(times):
        attempts.failed(peer)


def _is_refused(attempts: Attempts, peer: str | None) -> bool:
    try:
        attempts.check(peer)
    except RateLimited:
        return True
    return False


def test_an_address_is_refused_after_so_many_failures_and_others_are_not() -> None:
    attempts = Attempts(SetClock())
    _failed(attempts, PEER, FAILURES_MAX - 1)
    assert not _is_refused(attempts, PEER)
    attempts.failed(PEER)
    assert _is_refused(attempts, PEER)
    assert not _is_refused(attempts, "192.0.2.8")


def test_the_refusal_says_when_to_try_again() -> None:
    clock = SetClock()
    attempts = Attempts(clock)
    _failed(attempts, PEER)
    clock.seconds += 20
    with pytest.raises(RateLimited) as refused:
        attempts.check(PEER)
    assert refused.value.retry_after_seconds == pytest.approx(WINDOW_SECONDS - 20)
    clock.seconds += WINDOW_SECONDS - 20
    assert not _is_refused(attempts, PEER)


def test_failures_that_lie_far_apart_are_never_too_many() -> None:
    clock = SetClock()
    attempts = Attempts(clock)
    for _ in range(3 * FAILURES_MAX):
        attempts.failed(PEER)
        clock.seconds += WINDOW_SECONDS / (FAILURES_MAX - 1)
        assert not _is_refused(attempts, PEER)


def test_the_table_is_bounded_and_forgets_who_failed_longest_ago() -> None:
    attempts = Attempts(SetClock())
    _failed(attempts, "first")
    for number in range(ADDRESSES_MAX):
        attempts.failed(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")
    assert attempts.addresses == ADDRESSES_MAX
    assert not _is_refused(attempts, "first")


def test_one_host_of_ipv6_is_its_whole_network() -> None:
    attempts = Attempts(SetClock())
    for number in range(FAILURES_MAX):
        attempts.failed(f"2001:db8:1:2::{number:x}")
    assert _is_refused(attempts, "2001:db8:1:2:ffff::1")
    assert not _is_refused(attempts, "2001:db8:1:3::1")


def test_an_ipv4_address_is_the_same_however_it_is_written() -> None:
    attempts = Attempts(SetClock())
    _failed(attempts, f"::ffff:{PEER}")
    assert _is_refused(attempts, PEER)


def test_only_the_failure_that_closes_the_door_says_so() -> None:
    attempts = Attempts(SetClock())
    assert [attempts.failed(PEER) for _ in range(FAILURES_MAX + 1)].count(True) == 1
