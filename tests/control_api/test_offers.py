"""What workers are told of candidates and publications, and how long anybody waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import msgspec
import pytest

from tests.control_api.bench import SetClock
from turnpike.control.publish import (
    HURRIED_SECONDS,
    WORKERS_MAX,
    Delivery,
    Publication,
    Published,
    delivery_for,
    is_ahead,
)
from turnpike.ports.link import Report

pytestmark = pytest.mark.anyio

BOUND_SECONDS = 10
ONE, TWO = Published("1-a", 1, 0, b"one"), Published("2-b", 2, 0, b"two")
THREE = Published("3-d", 3, 0, b"three")


def a_report(**fields: Any) -> Report:
    return msgspec.convert({"worker": "host/0", "pid": 1, "state": "ready", **fields}, Report)


def test_a_worker_that_serves_nothing_is_given_the_current_snapshot() -> None:
    expected = Delivery("publish", "1-a", b"one")
    assert delivery_for(a_report(state="starting"), ONE, None) == expected
    assert delivery_for(a_report(state="starting"), ONE, TWO) == expected


def test_a_worker_that_runs_something_unknown_is_given_the_current_snapshot() -> None:
    assert delivery_for(a_report(running="9-z"), ONE, None) == Delivery("publish", "1-a", b"one")


def test_a_worker_that_runs_the_current_snapshot_waits() -> None:
    assert delivery_for(a_report(running="1-a"), ONE, None) is None


def test_a_candidate_is_offered_once() -> None:
    assert delivery_for(a_report(running="1-a"), ONE, TWO) == Delivery("offer", "2-b", b"two")
    assert delivery_for(a_report(running="1-a", offered="2-b"), ONE, TWO) is None
    assert delivery_for(a_report(running="1-a", refused="2-b"), ONE, TWO) is None


def test_what_is_published_goes_before_what_is_offered() -> None:
    assert delivery_for(a_report(running="0-z"), ONE, TWO) == Delivery("publish", "1-a", b"one")
    assert delivery_for(a_report(running="0-z", offered="2-b"), ONE, TWO) == Delivery(
        "publish", "1-a", b"one"
    )


def test_a_worker_that_still_provisions_is_not_offered_the_same_again() -> None:
    assert delivery_for(a_report(running="1-a", preparing="2-b"), ONE, TWO) is None


def test_what_a_worker_holds_ready_is_published_without_its_bytes() -> None:
    assert delivery_for(a_report(running="1-a", offered="2-b"), TWO, None) == Delivery("publish", "2-b", b"")


def test_what_is_published_reaches_a_worker_that_refused_it_as_an_offer() -> None:
    assert delivery_for(a_report(running="1-a", refused="2-b"), TWO, None) == Delivery(
        "publish", "2-b", b"two"
    )


def test_what_a_worker_has_in_hand_is_not_pressed_upon_it() -> None:
    for report in (
        a_report(running="1-a", published="2-b", preparing="2-b"),
        a_report(running="1-a", published="2-b", refused="2-b"),
    ):
        assert delivery_for(report, TWO, None) is None


def test_what_a_worker_tries_in_vain_gives_way_to_what_it_ran_before() -> None:
    assert delivery_for(a_report(running="1-a", published="2-b"), ONE, None) == Delivery(
        "publish", "1-a", b"one"
    )


def test_a_worker_that_tries_what_another_control_process_published_is_ahead() -> None:
    assert is_ahead(a_report(running="1-a", published="2-b"), ONE)
    assert not is_ahead(a_report(running="1-a", published="1-a"), ONE)


def test_a_worker_that_is_going_away_is_not_asked() -> None:
    assert delivery_for(a_report(running="1-a", state="draining"), ONE, TWO) is None


async def test_a_worker_that_hangs_up_while_asked_is_not_waited_for() -> None:
    publication = Publication(SetClock())
    publication.publish(ONE)
    report = a_report(running="1-a")
    async with asyncio.timeout(BOUND_SECONDS), asyncio.TaskGroup() as tasks:
        polling = tasks.create_task(publication.answer(report))
        await asyncio.sleep(0)
        publication.leave(report)
        await polling
        await publication.offer(TWO)


async def ends_at_once(waiting: Coroutine[Any, Any, object]) -> bool:
    """Whether it ends without waiting for anything."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(waiting)
        for _ in range(5):
            await asyncio.sleep(0)
        is_done = task.done()
        task.cancel()
    return is_done


async def test_a_worker_that_stays_silent_is_waited_for_once_and_again_when_it_is_heard_of() -> None:
    publication = Publication(SetClock(), offer_seconds=0.05)
    publication.publish(ONE)
    await publication.answer(a_report(running="1-a"), hold_seconds=0)
    assert not await ends_at_once(publication.offer(TWO))
    assert await publication.offer(TWO)
    publication.publish(TWO)
    assert await ends_at_once(publication.spread("2-b"))
    assert await ends_at_once(publication.offer(THREE))
    await publication.answer(a_report(running="1-a"), hold_seconds=0)
    assert not await ends_at_once(publication.spread("2-b"))
    assert not await ends_at_once(publication.offer(THREE))


async def test_an_offer_is_hurried_by_what_waits_and_only_for_as_long_as_that_does() -> None:
    publication = Publication(SetClock(), offer_seconds=BOUND_SECONDS * 10)
    publication.publish(ONE)
    await publication.answer(a_report(running="1-a"), hold_seconds=0)
    async with asyncio.timeout(BOUND_SECONDS), asyncio.TaskGroup() as tasks:
        under_way = tasks.create_task(publication.offer(TWO))
        await asyncio.sleep(0)
        with publication.hurried():
            assert await under_way
    await publication.answer(a_report(running="1-a"), hold_seconds=0)
    async with asyncio.timeout(BOUND_SECONDS):
        with publication.hurried():
            assert await publication.offer(THREE)
    await publication.answer(a_report(running="1-a"), hold_seconds=0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(HURRIED_SECONDS * 2):
            await publication.offer(THREE)


async def test_a_worker_that_provisions_for_long_is_soon_heard_of_again() -> None:
    publication = Publication(SetClock())
    publication.publish(ONE)
    async with asyncio.timeout(BOUND_SECONDS):
        assert await publication.answer(a_report(running="1-a", preparing="2-b")) is None


async def test_an_offer_that_is_cancelled_leaves_nothing_behind() -> None:
    publication = Publication(SetClock())
    publication.publish(ONE)
    await publication.answer(a_report(running="1-a"), hold_seconds=0)
    async with asyncio.TaskGroup() as tasks:
        offering = tasks.create_task(publication.offer(TWO))
        delivery = await publication.answer(a_report(running="1-a"))
        assert delivery == Delivery("offer", "2-b", b"two")
        offering.cancel()
    assert await publication.answer(a_report(running="1-a"), hold_seconds=0) is None


async def test_a_publication_overtakes_the_offer_that_knows_nothing_of_it() -> None:
    publication = Publication(SetClock())
    publication.publish(ONE)
    await publication.answer(a_report(running="1-a"), hold_seconds=0)
    async with asyncio.timeout(BOUND_SECONDS), asyncio.TaskGroup() as tasks:
        offering = tasks.create_task(publication.offer(TWO))
        await publication.answer(a_report(running="1-a"))
        publication.publish(Published("2-c", 2, 0, b"revoked"))
        assert await publication.answer(a_report(running="1-a", offered="2-b")) == Delivery(
            "publish", "2-c", b"revoked"
        )
    assert offering.result() is False


async def test_an_offer_outlives_a_publication_that_it_was_decided_on() -> None:
    publication = Publication(SetClock())
    publication.publish(ONE)
    await publication.answer(a_report(running="1-a"), hold_seconds=0)
    async with asyncio.timeout(BOUND_SECONDS), asyncio.TaskGroup() as tasks:
        offering = tasks.create_task(publication.offer(THREE))
        await publication.answer(a_report(running="1-a"))
        publication.publish(TWO)
        assert await publication.answer(a_report(running="2-b")) == Delivery("offer", "3-d", b"three")
        await publication.answer(a_report(running="2-b", offered="3-d"), hold_seconds=0)
    assert offering.result() is True


def test_nothing_is_published_over_what_is_later() -> None:
    publication = Publication(SetClock())
    publication.publish(TWO)
    publication.publish(ONE)
    assert publication.current == TWO


async def test_a_worker_that_was_not_heard_of_is_forgotten() -> None:
    clock = SetClock()
    publication = Publication(clock)
    publication.publish(ONE)
    await publication.answer(a_report(running="1-a"), hold_seconds=0)
    assert [view.report.worker for view in publication.workers()] == ["host/0"]
    clock.pass_seconds(21)
    assert publication.workers() == ()


async def test_stopping_answers_everybody_who_waits() -> None:
    publication = Publication(SetClock())
    publication.publish(ONE)
    async with asyncio.timeout(BOUND_SECONDS), asyncio.TaskGroup() as tasks:
        held = tasks.create_task(publication.answer(a_report(running="1-a")))
        await asyncio.sleep(0)
        publication.stop()
        assert await held is None


async def test_two_processes_that_go_by_one_name_are_two_workers() -> None:
    publication = Publication(SetClock())
    publication.publish(ONE)
    twins = [a_report(running="1-a", instance=instance) for instance in ("one", "other")]
    async with asyncio.timeout(BOUND_SECONDS), asyncio.TaskGroup() as tasks:
        polls = [tasks.create_task(publication.answer(report)) for report in twins]
        for _ in range(5):
            await asyncio.sleep(0)
        assert [poll.done() for poll in polls] == [False, False]
        assert [view.report for view in publication.workers()] == twins
        publication.publish(TWO)
    assert [poll.result() for poll in polls] == [Delivery("publish", "2-b", b"two")] * 2


async def test_a_worker_beyond_those_that_are_kept_in_mind_is_told_what_is_published() -> None:
    publication = Publication(SetClock())
    publication.publish(ONE)
    for number in range(WORKERS_MAX):
        await publication.answer(a_report(worker=f"h/{number}", running="1-a"), hold_seconds=0)
    one_more = a_report(worker="h/one-more")
    assert await publication.answer(one_more) == Delivery("publish", "1-a", b"one")
    async with asyncio.timeout(BOUND_SECONDS), asyncio.TaskGroup() as tasks:
        held = tasks.create_task(publication.answer(a_report(worker="h/one-more", running="1-a")))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not held.done()
        publication.publish(TWO)
    assert held.result() == Delivery("publish", "2-b", b"two")


def test_what_is_published_says_whether_it_is_later() -> None:
    publication = Publication(SetClock())
    said = [publication.publish(snapshot) for snapshot in (ONE, THREE, TWO, THREE)]
    assert said == [True, True, False, False]
    assert publication.current == THREE


def test_what_is_published_is_set_back_only_in_place_of_what_the_store_lost() -> None:
    publication = Publication(SetClock())
    publication.publish(TWO)
    publication.publish(THREE)
    assert not publication.set_back(ONE, TWO)
    assert not publication.set_back(THREE, THREE)
    assert publication.current == THREE
    assert publication.set_back(ONE, THREE)
    assert publication.current == ONE
    fork = Published("1-z", 1, 0, b"fork")
    assert publication.set_back(fork, ONE)
    assert publication.current == fork
