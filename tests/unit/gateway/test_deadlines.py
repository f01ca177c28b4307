"""Deadlines expire soon after their time, once, and never before it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.unit.gateway.skipping_loop import run_skipping
from turnpike.gateway.deadlines import CLOCK_STEP_SECONDS, NEVER, TICK_SECONDS, Deadlines, Limited


class Timed(Limited):
    """Notes when it expired."""

    __slots__ = ("_then", "expired_at")

    def __init__(self, then: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.expired_at: list[float] = []
        self._then = then

    def expire(self) -> None:
        self.expired_at.append(asyncio.get_running_loop().time())
        self._then()


class TestDeadlines:
    """Each on a loop of its own, with the wheel running."""

    def run(
        self, scene: Callable[[Deadlines, asyncio.AbstractEventLoop], asyncio.Future[None] | object]
    ) -> None:
        async def play() -> None:
            deadlines = Deadlines()
            deadlines.start()
            result = scene(deadlines, asyncio.get_running_loop())
            if asyncio.iscoroutine(result):
                await result
            deadlines.stop()

        run_skipping(play())

    def test_a_thing_expires_within_one_tick_after_its_time(self) -> None:
        late: list[float] = []

        async def scene(deadlines: Deadlines, loop: asyncio.AbstractEventLoop) -> None:
            start = loop.time()
            things = {start + 0.1 + step * TICK_SECONDS / 7: Timed() for step in range(14)}
            for at, thing in things.items():
                deadlines.limit(thing, at)
            await asyncio.sleep(0.1 + 5 * TICK_SECONDS)
            late.extend(thing.expired_at[0] - at for at, thing in things.items())

        self.run(scene)
        assert min(late) >= 0
        assert max(late) <= TICK_SECONDS + CLOCK_STEP_SECONDS + 1e-9

    def test_a_later_deadline_holds_and_an_earlier_one_too(self) -> None:
        later, sooner = Timed(), Timed()

        async def scene(deadlines: Deadlines, loop: asyncio.AbstractEventLoop) -> None:
            now = loop.time()
            deadlines.limit(later, now + 0.05)
            deadlines.limit(later, now + 0.25)
            deadlines.limit(sooner, now + 60)
            deadlines.limit(sooner, now + 0.05)
            await asyncio.sleep(0.17)
            assert (len(later.expired_at), len(sooner.expired_at)) == (0, 1)
            await asyncio.sleep(0.2)

        self.run(scene)
        assert (len(later.expired_at), len(sooner.expired_at)) == (1, 1)

    def test_what_is_forgotten_or_set_to_never_does_not_expire(self) -> None:
        forgotten, spared = Timed(), Timed()

        async def scene(deadlines: Deadlines, loop: asyncio.AbstractEventLoop) -> None:
            deadlines.limit(forgotten, loop.time() + 0.05)
            deadlines.limit(spared, loop.time() + 0.05)
            deadlines.forget(forgotten)
            deadlines.limit(spared, NEVER)
            await asyncio.sleep(0.25)

        self.run(scene)
        assert forgotten.expired_at == spared.expired_at == []

    def test_a_deadline_in_the_past_expires_at_the_next_tick(self) -> None:
        thing = Timed()

        async def scene(deadlines: Deadlines, loop: asyncio.AbstractEventLoop) -> None:
            deadlines.limit(thing, loop.time() - 10)
            await asyncio.sleep(4 * TICK_SECONDS)

        self.run(scene)
        assert len(thing.expired_at) == 1

    def test_a_thing_may_set_itself_anew_and_end_others_while_it_expires(self) -> None:
        other = Timed()

        async def scene(deadlines: Deadlines, loop: asyncio.AbstractEventLoop) -> None:
            def then() -> None:
                deadlines.forget(other)
                if len(first.expired_at) == 1:
                    deadlines.limit(first, loop.time() + 0.05)

            first = Timed(then)
            deadlines.limit(first, loop.time() + 0.05)
            deadlines.limit(other, loop.time() + 0.25)
            await asyncio.sleep(0.4)
            assert len(first.expired_at) == 2

        self.run(scene)
        assert other.expired_at == []

    def test_a_fault_of_one_thing_does_not_keep_the_others_from_expiring(self) -> None:
        def fail() -> None:
            raise RuntimeError("a fault")

        faults: list[object] = []
        others = [Timed() for _ in range(20)]

        async def scene(deadlines: Deadlines, loop: asyncio.AbstractEventLoop) -> None:
            loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
            at = loop.time() + 0.05
            for thing in (*others[:10], Timed(fail), *others[10:]):
                deadlines.limit(thing, at)
            await asyncio.sleep(0.25)

        self.run(scene)
        assert [str(fault) for fault in faults] == ["a fault"]
        assert all(len(thing.expired_at) == 1 for thing in others)
