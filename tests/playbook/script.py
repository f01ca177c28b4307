"""The words of a script, and its performance: each step is one act of one side, or what it sees."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, Protocol

import msgspec

from tests.playbook.stage import KEY, ScriptedAnswer, Stage
from turnpike.domain.outcome import Outcome
from turnpike.gateway.plan import plan_call
from turnpike.gateway.surfaces import CALLS
from turnpike.ports.http import OUT_OF_TIME, Request

WITHIN_SECONDS = 2.0


class Step(Protocol):
    """One line of a script."""

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        """Act, or look; AssertionError where something else is seen."""


class CallerSends(msgspec.Struct, frozen=True):
    """A request with a key; `body` as bytes goes as it is."""

    path: str
    body: Any
    headers: dict[str, str] = {}
    query: str = ""

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        headers = {b"x-api-key": KEY.encode()} | {
            name.encode(): value.encode() for name, value in self.headers.items()
        }
        request = Request("POST", self.path, self.query.encode(), headers, body, "127.0.0.1", 0)
        stage.call(group, CALLS[self.path], plan_call, request)


class CallerReadsNoMore(msgspec.Struct, frozen=True):
    """From now on, the caller's side is full."""

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        stage.reply.congested = True


class CallerReadsOn(msgspec.Struct, frozen=True):
    """The caller has caught up."""

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        stage.reply.reads_on()


class CallerLeaves(msgspec.Struct, frozen=True):
    """The caller's connection is gone."""

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        assert stage.task is not None
        stage.task.cancel()


class GatewayCuts(msgspec.Struct, frozen=True):
    """The gateway stops, and has waited as long as it may."""

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        assert stage.task is not None
        stage.task.cancel(OUT_OF_TIME)


class UpstreamExpects(msgspec.Struct, frozen=True):
    """The next request at a provider."""

    provider: str
    line: str
    body: Any
    without: tuple[str, ...] = ()

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        channel = stage.channels[self.provider]
        async with asyncio.timeout(WITHIN_SECONDS):
            while not channel.sent:
                await asyncio.sleep(0.005)
        head, body, _ = channel.sent.pop(0)
        assert head.partition(b"\r\n")[0].decode() == self.line
        assert json.loads(body) == self.body
        names = {line.partition(b":")[0].decode() for line in head.split(b"\r\n")}
        assert names.isdisjoint(self.without)


class UpstreamExpectsNothing(msgspec.Struct, frozen=True):
    """No further request is at any provider, nor waits for an answer."""

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        assert {name: len(channel.sent) for name, channel in stage.channels.items() if channel.sent} == {}


class UpstreamFails(msgspec.Struct, frozen=True):
    """The request comes to nothing."""

    provider: str
    fault: Exception

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        stage.channels[self.provider].answers.put_nowait(self.fault)


class UpstreamAnswers(msgspec.Struct, frozen=True):
    """Status and headers of an answer; its pieces follow."""

    provider: str
    status: int = 200
    headers: dict[str, str] = msgspec.field(default_factory=lambda: {"content-type": "application/json"})

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        headers = {name.encode(): value.encode() for name, value in self.headers.items()}
        stage.answer = ScriptedAnswer(self.status, headers)
        stage.channels[self.provider].answers.put_nowait(stage.answer)


class UpstreamSends(msgspec.Struct, frozen=True):
    """A piece of the answer; b"" is its end, an exception its breaking off."""

    piece: bytes | Any

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        assert stage.answer is not None
        stage.answer.comes(self.piece)


class UpstreamIsLeft(msgspec.Struct, frozen=True):
    """The gateway has let go of the answer, or of the request that had none yet."""

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        if stage.answer is not None:
            assert stage.answer.was_left
        else:
            assert sum(channel.given_up for channel in stage.channels.values()) == 1


class CallerGets(msgspec.Struct, frozen=True):
    """All that came since the last look, byte for byte; headers that are named must be there."""

    data: bytes
    status: int = 200
    headers: dict[str, str] = {}

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        reply = stage.reply
        assert (reply.status, reply.unread) == (self.status, self.data)
        reply.unread = b""
        lines = dict(line.split(": ", 1) for line in reply.head.decode().split("\r\n") if line)
        assert {name: lines.get(name) for name in self.headers} == self.headers


class CallerGetsNothing(msgspec.Struct, frozen=True):
    """Nothing has come since the last look."""

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        assert stage.reply.unread == b""


class CallerGetsError(msgspec.Struct, frozen=True):
    """An error as the answer, or, with the status that has gone out already, as the last event."""

    code: str
    status: int

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        reply = stage.reply
        text = reply.unread.decode()
        data = text.partition("data: ")[2] if "data: " in text else text
        assert (reply.status, json.loads(data)["error"]["code"]) == (self.status, self.code)
        reply.unread = b""


class Ends(msgspec.Struct, frozen=True):
    """The call is over: its status, its code, and provider, status and code of each attempt."""

    status: str
    error: str | None = None
    attempts: tuple[tuple[str, str, str | None], ...] = ()

    async def play(self, stage: Stage, group: asyncio.TaskGroup) -> None:
        (outcome,) = stage.outcomes.seen
        stage.outcomes.seen.clear()
        assert (outcome.status, outcome.error) == (self.status, self.error)
        assert attempts_of(outcome) == self.attempts
        assert stage.gate.in_flight == 0
        assert stage.status_was_told(outcome)


def attempts_of(outcome: Outcome) -> tuple[tuple[str, str, str | None], ...]:
    return tuple((attempt.provider, str(attempt.status), attempt.error) for attempt in outcome.attempts)


def perform(folder: Path, *steps: Step) -> None:
    """Play the steps in their order; what one brings about is done before the next."""

    async def played() -> None:
        stage = Stage(folder)
        try:
            async with asyncio.TaskGroup() as group:
                for number, step in enumerate(steps, 1):
                    try:
                        await step.play(stage, group)
                        await stage.settled()
                    except AssertionError as seen:
                        seen.add_note(f"step {number}: {step}")
                        raise
        finally:
            await stage.close()

    asyncio.run(played())
