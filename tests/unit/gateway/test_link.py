"""The worker's side of the line to control: what it tells, and what it does with what it is told."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from tests.playbook.stage import OpenSeal, Outcomes, ScriptedAnswer, ScriptedChannel, settled
from turnpike.domain.errors import InvalidKey, RevokedKey
from turnpike.domain.principal import Principal
from turnpike.domain.snapshot import Access, Key, Secret, Snapshot, encode_snapshot
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.gate import Gate
from turnpike.gateway.last_good import LastGood
from turnpike.gateway.link import Link
from turnpike.gateway.provision import Provisioner, Serving, Unprovisionable
from turnpike.gateway.swap import Swap
from turnpike.ports.http import Request
from turnpike.ports.link import PHASE_HEADER, VERSION_HEADER, Phase, Report
from turnpike.ports.sealing import KEY_PURPOSE
from turnpike.providers.table import PROVIDERS

BOUND_SECONDS = 10


def a_snapshot(serial: int, *revoked: str) -> Snapshot:
    keys = tuple(
        Key(
            name,
            Principal("acme", key=name),
            (Secret(OpenSeal().digest(name.encode(), KEY_PURPOSE)),),
            Access(),
            revoked=name in revoked,
        )
        for name in ("one", "two")
    )
    return Snapshot(
        f"{serial}-{hashlib.sha256(repr(keys).encode()).hexdigest()[:4]}", serial, 0, "acme", keys=keys
    )


class HeldProvisioner(Provisioner):
    """Provisions a snapshot when the test lets it, or refuses it where the test says so."""

    def __init__(self) -> None:
        super().__init__(PROVIDERS, OpenSeal(), Deadlines())
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()
        self.refuses = False

    async def provision(self, snapshot: Snapshot, current: Serving | None) -> Serving:
        await self.may_go_on.wait()
        if self.refuses:
            raise Unprovisionable("provider 'p': no such file")
        return await super().provision(snapshot, current)


class NoMetrics(Outcomes):
    """Counts nothing."""

    def name_models(self, label_of: Callable[[str], str]) -> None:
        return


class Line:
    """A worker's link to a control that the test plays."""

    def __init__(self, folder: Path) -> None:
        self.channel = ScriptedChannel()
        self.provisioner = HeldProvisioner()
        self.gate = Gate(10)
        self.folder = folder
        swap = Swap(self.gate, self.provisioner, NoMetrics())
        self.link = Link(
            self.channel, b"POST /", swap, LastGood(folder, 0), ("host/0", 1), ask_on_seconds=0.01
        )

    async def says(self, phase: Phase, snapshot: Snapshot, *, held_ready: bool = False) -> None:
        """Control answers the open question."""
        headers = {PHASE_HEADER.encode(): phase.encode(), VERSION_HEADER.encode(): snapshot.version.encode()}
        answer = ScriptedAnswer(200, headers)
        if not held_ready:
            answer.comes(encode_snapshot(snapshot))
        answer.comes(b"")
        self.channel.answers.put_nowait(answer)
        await self.asked(len(self.channel.sent) + 1)

    async def says_nothing(self) -> None:
        answer = ScriptedAnswer(204, {})
        answer.comes(b"")
        self.channel.answers.put_nowait(answer)
        await self.asked(len(self.channel.sent) + 1)

    async def asked(self, times: int) -> Report:
        """The report of the question of this number, once it is asked."""
        async with asyncio.timeout(BOUND_SECONDS):
            while len(self.channel.sent) < times:
                await asyncio.sleep(0.001)
        return self.told

    @property
    def told(self) -> Report:
        return msgspec.json.decode(self.channel.sent[-1][1], type=Report)

    def is_refused(self, key: str) -> type[Exception] | None:
        assert self.gate.serving is not None
        headers = {b"authorization": f"Bearer {key}".encode()}
        try:
            self.gate.serving.identities.identify(Request("POST", "/", b"", headers, b"", "::1", 0), 0)
        except (RevokedKey, InvalidKey) as refused:
            return type(refused)
        return None


def on_a_line(folder: Path, story: Callable[[Line], Awaitable[None]]) -> None:
    async def whole() -> None:
        line = Line(folder)
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(line.link.keep())
            await line.asked(1)
            await line.says("publish", FIRST)
            await story(line)
            keeping.cancel()

    asyncio.run(whole())


FIRST, SECOND, REVOKED = a_snapshot(1), a_snapshot(2, "one"), a_snapshot(3, "one", "two")


def test_what_was_offered_is_served_when_it_is_published(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        await line.says("offer", SECOND)
        assert (line.told.running, line.told.offered) == (FIRST.version, SECOND.version)
        assert line.is_refused("one") is None
        await line.says("publish", SECOND, held_ready=True)
        assert line.told.running == SECOND.version
        assert line.is_refused("one") is RevokedKey

    on_a_line(tmp_path, story)


def test_while_an_offer_is_provisioned_the_worker_asks_on_and_says_so(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        line.provisioner.may_go_on.clear()
        await line.says("offer", SECOND)
        first = line.told
        await line.says_nothing()
        second = line.told
        line.provisioner.may_go_on.set()
        await line.says_nothing()
        await line.says_nothing()
        last = line.told
        assert [r.preparing for r in (first, second, last)] == [SECOND.version, SECOND.version, None]
        assert [r.offered for r in (first, second, last)] == [None, None, SECOND.version]

    on_a_line(tmp_path, story)


def test_a_publication_overtakes_an_offer_that_is_still_provisioned(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        line.provisioner.may_go_on.clear()
        await line.says("offer", SECOND)
        await line.says("publish", REVOKED)
        line.provisioner.may_go_on.set()
        await line.says_nothing()
        await line.says_nothing()
        assert (line.told.running, line.told.offered) == (REVOKED.version, None)

    on_a_line(tmp_path, story)


def test_a_revoked_key_is_refused_before_the_rest_of_its_snapshot_is_ready(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        line.provisioner.may_go_on.clear()
        await line.says("publish", SECOND)
        assert (line.told.running, line.told.preparing) == (FIRST.version, SECOND.version)
        assert (line.is_refused("one"), line.is_refused("two")) == (RevokedKey, None)
        await line.says("publish", REVOKED)
        assert line.is_refused("two") is RevokedKey

    on_a_line(tmp_path, story)


def test_a_revoked_key_stays_refused_where_the_rest_of_its_snapshot_cannot_be_served(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        line.provisioner.refuses = True
        await line.says("publish", SECOND)
        assert (line.told.running, line.told.refused) == (FIRST.version, SECOND.version)
        assert line.told.fault == "provider 'p': no such file"
        assert line.is_refused("one") is RevokedKey

    on_a_line(tmp_path, story)


def test_what_is_served_last_is_what_is_kept(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        await line.says("publish", SECOND)
        await line.says("publish", REVOKED)
        async with asyncio.timeout(BOUND_SECONDS):
            while await LastGood(tmp_path, 1).read() != REVOKED:
                await settled()

    on_a_line(tmp_path, story)
