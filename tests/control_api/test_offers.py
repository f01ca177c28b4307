"""What workers are told of candidates and publications, and how long anybody waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import msgspec
import pytest

from tests.control_api.bench import SetClock
from turnpike.control.publish import Delivery, Publication, Published, delivery_for
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


def test_what_a_worker_refused_is_not_pressed_upon_it() -> None:
    assert delivery_for(a_report(running="1-a", refused="2-b"), TWO, None) is None


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
