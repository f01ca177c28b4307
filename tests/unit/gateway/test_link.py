"""The worker's side of the line to control: what it tells, and what it does with what it is told."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from structlog.testing import capture_logs

from tests.playbook.stage import OpenSeal, Outcomes, ScriptedAnswer, ScriptedChannel, settled
from tests.unit.gateway.keyed_calls import SEAL
from turnpike.domain.errors import InvalidKey, RevokedKey, UpstreamFailed
from turnpike.domain.principal import Principal
from turnpike.domain.snapshot import Access, Key, Secret, Snapshot, encode_snapshot
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.gate import Gate
from turnpike.gateway.last_good import LastGood
from turnpike.gateway.link import Link, Pace
from turnpike.gateway.provision import Provisioner, Serving, Unprovisionable
from turnpike.gateway.swap import Swap
from turnpike.ports.http import Request
from turnpike.ports.link import PHASE_HEADER, VERSION_HEADER, Phase, Process, Report
from turnpike.ports.sealing import KEY_PURPOSE, SNAPSHOT_PURPOSE
from turnpike.providers.table import PROVIDERS

BOUND_SECONDS = 10
PACE = Pace(ask_on_seconds=0.01, pause_seconds=0.001, retry_seconds=0.001, retry_max_seconds=0.001)


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
        self.refuses_version = ""

    async def provision(self, snapshot: Snapshot, current: Serving | None) -> Serving:
        await self.may_go_on.wait()
        if self.refuses or snapshot.version == self.refuses_version:
            raise Unprovisionable("provider 'p': no such file")
        return await super().provision(snapshot, current)


class NoMetrics(Outcomes):
    """Counts nothing."""

    def name_models(self, label_of: Callable[[str], str]) -> None:
        return


def an_answer(status: int, headers: dict[bytes, bytes] | None = None, body: bytes = b"") -> ScriptedAnswer:
    answer = ScriptedAnswer(status, headers or {})
    if body:
        answer.comes(body)
    answer.comes(b"")
    return answer


def a_delivery(phase: Phase, version: str, body: bytes) -> ScriptedAnswer:
    headers = {PHASE_HEADER.encode(): phase.encode(), VERSION_HEADER.encode(): version.encode()}
    return an_answer(200, headers, body)


class Line:
    """A worker's link to a control that the test plays."""

    def __init__(self, folder: Path, pace: Pace = PACE) -> None:
        self.channel = ScriptedChannel()
        self.provisioner = HeldProvisioner()
        self.gate = Gate(10)
        self.folder = folder
        swap = Swap(self.gate, self.provisioner, NoMetrics())
        process = Process("host/0", 1, "a")
        self.link = Link(self.channel, b"POST /", swap, LastGood(folder, 0, SEAL), process, pace)

    async def says(self, phase: Phase, snapshot: Snapshot, *, held_ready: bool = False) -> None:
        """Control answers the open question."""
        await self.answers(
            a_delivery(phase, snapshot.version, b"" if held_ready else encode_snapshot(snapshot))
        )

    async def says_nothing(self) -> None:
        await self.answers(an_answer(204))

    async def answers(self, answer: ScriptedAnswer) -> None:
        asked = len(self.channel.sent)
        self.channel.answers.put_nowait(answer)
        await self.asked(asked + 1)

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


def test_a_key_that_is_gone_is_refused_before_the_rest_of_its_snapshot_is_ready(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        line.provisioner.may_go_on.clear()
        await line.says("publish", msgspec.structs.replace(a_snapshot(2), keys=FIRST.keys[1:]))
        assert line.told.running == FIRST.version
        assert (line.is_refused("one"), line.is_refused("two")) == (InvalidKey, None)

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
            while await LastGood(tmp_path, 1, SEAL).read() != REVOKED:
                await settled()

    on_a_line(tmp_path, story)


async def until(line: Line, is_so: Callable[[Report], bool]) -> Report:
    """The first report of which this is so; control has nothing to say meanwhile."""
    async with asyncio.timeout(BOUND_SECONDS):
        while not is_so(line.told):
            await line.says_nothing()
    return line.told


def test_what_is_published_and_cannot_be_served_is_tried_again_until_it_can(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        line.provisioner.refuses = True
        await line.says("publish", SECOND)
        for _ in range(3):
            await line.says_nothing()
            told = line.told
            assert (told.running, told.refused, told.published, told.preparing) == (
                FIRST.version,
                SECOND.version,
                SECOND.version,
                SECOND.version,
            )
        line.provisioner.refuses = False
        told = await until(line, lambda report: report.running == SECOND.version)
        assert (told.refused, told.fault, told.preparing) == (None, None, None)
        async with asyncio.timeout(BOUND_SECONDS):
            while await LastGood(tmp_path, 1, SEAL).read() != SECOND:
                await settled()

    on_a_line(tmp_path, story)


def test_what_is_published_goes_on_being_tried_after_an_offer(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        line.provisioner.refuses = True
        await line.says("publish", SECOND)
        await line.says("offer", REVOKED)
        assert (await until(line, lambda report: report.refused == REVOKED.version)).offered is None
        line.provisioner.refuses = False
        await until(line, lambda report: report.running == SECOND.version)

    on_a_line(tmp_path, story)


def test_what_is_held_ready_gives_way_to_what_was_published_and_can_be_served_at_last(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        line.provisioner.refuses_version = SECOND.version
        await line.says("publish", SECOND)
        await line.says("offer", REVOKED)
        await until(line, lambda report: report.offered == REVOKED.version)
        line.provisioner.refuses_version = ""
        told = await until(line, lambda report: report.running == SECOND.version)
        assert told.offered is None

    on_a_line(tmp_path, story)


def test_what_is_published_as_held_ready_and_is_no_longer_is_asked_for_whole(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        await line.says("publish", SECOND, held_ready=True)
        told = line.told
        assert (told.running, told.published, told.refused) == (FIRST.version, FIRST.version, None)
        await line.says("publish", SECOND)
        assert line.told.running == SECOND.version

    on_a_line(tmp_path, story)


def test_what_cannot_be_read_is_refused_and_tried_no_more(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        await line.answers(a_delivery("publish", "9-later", b"of a later release"))
        told = line.told
        assert (told.running, told.published, told.refused, told.preparing) == (
            FIRST.version,
            "9-later",
            "9-later",
            None,
        )

    on_a_line(tmp_path, story)


def test_a_key_that_is_revoked_again_is_refused_at_once_again(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        line.provisioner.refuses_version = SECOND.version
        await line.says("publish", SECOND)
        back = a_snapshot(4)
        await line.says("offer", back)
        await until(line, lambda report: report.offered == back.version)
        await line.says("publish", back, held_ready=True)
        assert line.is_refused("one") is None
        line.provisioner.may_go_on.clear()
        await line.says("publish", a_snapshot(5, "one"))
        assert line.is_refused("one") is RevokedKey

    on_a_line(tmp_path, story)


def test_what_was_published_at_the_start_is_tried_again_while_the_last_good_one_is_served(
    tmp_path: Path,
) -> None:
    async def whole() -> None:
        line = Line(tmp_path)
        (tmp_path / "current").write_bytes(SEAL.close(encode_snapshot(FIRST), SNAPSHOT_PURPOSE))
        line.provisioner.refuses_version = SECOND.version
        async with asyncio.timeout(BOUND_SECONDS), asyncio.TaskGroup() as group:
            starting = group.create_task(line.link.start(BOUND_SECONDS))
            await line.asked(1)
            line.channel.answers.put_nowait(a_delivery("publish", SECOND.version, encode_snapshot(SECOND)))
            await starting
            assert line.is_refused("one") is RevokedKey
            keeping = group.create_task(line.link.keep())
            told = await line.asked(2)
            assert (told.running, told.published, told.preparing) == (
                FIRST.version,
                SECOND.version,
                SECOND.version,
            )
            line.provisioner.refuses_version = ""
            await until(line, lambda report: report.running == SECOND.version)
            keeping.cancel()

    asyncio.run(whole())


class SkippingLoop(asyncio.SelectorEventLoop):
    """A loop whose time a test can let pass."""

    skipped_seconds = 0.0

    def time(self) -> float:
        return super().time() + self.skipped_seconds


def test_a_question_that_is_not_held_is_followed_by_a_pause_that_grows(tmp_path: Path) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SkippingLoop)
        line = Line(tmp_path, Pace(pause_seconds=60, pause_max_seconds=120))
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(line.link.keep())
            await line.asked(1)
            for asked, pause_seconds in ((2, 60), (3, 120), (4, 120)):
                line.channel.answers.put_nowait(an_answer(204))
                await settled()
                loop.skipped_seconds += pause_seconds - 1
                await settled()
                assert len(line.channel.sent) == asked - 1
                loop.skipped_seconds += 1
                await line.asked(asked)
            loop.skipped_seconds += 15
            line.channel.answers.put_nowait(an_answer(204))
            await line.asked(5)
            keeping.cancel()

    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        runner.run(story())


def test_what_keeps_from_control_is_said_of_control_and_of_no_provider(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        with capture_logs() as logs:
            line.channel.answers.put_nowait(UpstreamFailed("The provider broke off."))
            await line.says_nothing()
        assert logs[0].get("reason") == "Control broke off."

    on_a_line(tmp_path, story)
