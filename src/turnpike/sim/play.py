"""Plays a plan on a connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from turnpike.ports.http import Reply
from turnpike.sim.plan import Begin, End, Hang, Plan, Reset, Wait, Whole, Write

LONGEST_HANG_SECONDS = 3600.0
"""A caller that waits longer than this is cut off after all."""

FLUSH_SECONDS = 0.01
"""A reset throws away what has not left yet: what was written before it gets so long to leave."""

Sleep = Callable[[float], Awaitable[None]]


class Playing:
    """One plan under way; `output_tokens` are those that have gone out so far."""

    def __init__(self, plan: Plan, reply: Reply, sleep: Sleep) -> None:
        self._plan = plan
        self._reply = reply
        self._sleep = sleep
        self.output_tokens = 0

    async def run(self) -> None:
        """Take every step of the plan, no faster than the caller reads."""
        for step in self._plan.steps:
            match step:
                case Write(data, tokens):
                    if self._reply.congested:
                        await self._reply.drained()
                    self._reply.write(data)
                    self.output_tokens += tokens
                case Wait(seconds):
                    await self._sleep(seconds)
                case Reset():
                    await self._sleep(FLUSH_SECONDS)
                    self._reply.abort()
                case Hang():
                    await self._sleep(LONGEST_HANG_SECONDS)
                    self._reply.abort()
                case _:
                    self._frame(step)

    def _frame(self, step: Whole | Begin | End) -> None:
        """Open or close the answer."""
        match step:
            case Whole(status, body):
                self._reply.whole(status, self._plan.head, body)
                self.output_tokens = self._plan.charge.output_tokens if self._plan.charge else 0
            case Begin(status):
                self._reply.begin(status, self._plan.head)
            case End():
                self._reply.end()
