"""Ids of calls: each unlike any other, in their order, and of their millisecond."""

from __future__ import annotations

import itertools
import uuid

from tests.unit.gateway.keyed_calls import SetClock
from turnpike.adapters.system.randomness import SystemRandomness
from turnpike.gateway.call_ids import CallIds


def a_clock(time_ns: int) -> SetClock:
    clock = SetClock()
    clock.time_ns = time_ns
    return clock


def test_ids_of_two_workers_in_the_same_milliseconds_are_all_different_and_in_order() -> None:
    clock = a_clock(1_700_000_000_000_000_000)
    workers = [CallIds(clock, SystemRandomness()) for _ in range(2)]
    made: list[list[str]] = [[], []]
    for _ in range(3):
        for ids, worker in zip(made, workers, strict=True):
            ids.extend(worker.next() for _ in range(4096))  # As many as one chance counts.
        clock.time_ns += 1_000_000
    assert all(ids == sorted(ids) for ids in made)
    assert len(set(itertools.chain(*made))) == 2 * 3 * 4096


def test_more_than_can_be_counted_in_a_millisecond_are_still_different() -> None:
    worker = CallIds(a_clock(1_700_000_000_000_000_000), SystemRandomness())
    ids = [worker.next() for _ in range(10_000)]
    assert len(set(ids)) == len(ids)


def test_an_id_is_a_uuid_of_version_seven_that_tells_its_millisecond() -> None:
    moment_ms = 1_763_000_000_123
    made = uuid.UUID(CallIds(a_clock(moment_ms * 1_000_000 + 999_999), SystemRandomness()).next())
    assert (made.version, made.variant, made.int >> 80) == (7, uuid.RFC_4122, moment_ms)
