"""The files of kept responses, as two workers on one folder use them, and whose a response is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.gateway.kept_parts import ALICE, DAY_NS, START_NS, SetClock, remember
from turnpike.domain.principal import Principal
from turnpike.gateway.kept.bounds import KeptBounds
from turnpike.gateway.kept.files import KeptFiles
from turnpike.gateway.kept.line import LINE_BYTES_MAX, lines_of
from turnpike.gateway.kept.response import KeptResponse, may_touch


def note(files: KeptFiles, name: str, provider: str, model: str) -> None:
    remember(files, KeptResponse(provider, model, "fast", ALICE, START_NS), name)


def found_by(files: KeptFiles, name: str) -> KeptResponse | None:
    """As the gateway finds it: among the newest lines, and in all files where those leave it open."""
    found, is_all = files.look_up([name])
    return (found if is_all else found | files.search([name])).get(name)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def workers(tmp_path: Path, clock: SetClock) -> Iterator[tuple[KeptFiles, KeptFiles]]:
    first, second = KeptFiles(tmp_path, 0, clock), KeptFiles(tmp_path, 1, clock)
    yield first, second
    first.close()
    second.close()


def test_every_worker_finds_what_one_noted(workers: tuple[KeptFiles, KeptFiles]) -> None:
    first, second = workers
    note(first, "resp_1", "openai", "gpt-4o-mini")
    expected = KeptResponse("openai", "gpt-4o-mini", "fast", ALICE, START_NS)
    assert found_by(second, "resp_1") == expected
    assert found_by(first, "resp_1") == expected


def test_what_is_noted_between_two_questions_is_found(workers: tuple[KeptFiles, KeptFiles]) -> None:
    first, second = workers
    assert found_by(second, "resp_1") is None
    note(first, "resp_1", "openai", "m")
    note(second, "resp_2", "local", "m")
    assert found_by(second, "resp_1") is not None
    found = found_by(first, "resp_2")
    assert found is not None
    assert found.provider == "local"


def test_a_worker_started_anew_knows_everything(tmp_path: Path, clock: SetClock) -> None:
    before = KeptFiles(tmp_path, 0, clock)
    note(before, "resp_1", "openai", "m")
    before.close()
    after = KeptFiles(tmp_path, 0, clock)
    assert found_by(after, "resp_1") is not None
    after.close()


def test_a_killed_worker_loses_nothing_that_it_noted(tmp_path: Path, clock: SetClock) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from turnpike.domain.principal import Principal
from turnpike.gateway.kept.files import KeptFiles
from turnpike.gateway.kept.line import lines_of
from turnpike.gateway.kept.response import KeptResponse

class SetClock:
    def now_ns(self): return int(sys.argv[2])
    def monotonic_ns(self): return 0

kept = KeptFiles(Path(sys.argv[1]), 0, SetClock())
for number in range(100):
    made = KeptResponse("openai", "m", "fast", Principal("acme", "research"), 0)
    kept.remember(lines_of([f"resp_{number}"], made).values())
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path), str(START_NS)], check=False)
    assert ended.returncode == -9
    other = KeptFiles(tmp_path, 1, clock)
    assert all(found_by(other, f"resp_{number}") for number in range(100))
    other.close()


def test_a_torn_last_line_is_passed_over_and_the_next_is_found(tmp_path: Path, clock: SetClock) -> None:
    before = KeptFiles(tmp_path, 0, clock)
    note(before, "resp_1", "openai", "m")
    note(before, "resp_2", "openai", "m")
    before.close()
    [log] = tmp_path.glob("*.log")
    os.truncate(log, log.stat().st_size - 20)
    after, other = KeptFiles(tmp_path, 0, clock), KeptFiles(tmp_path, 1, clock)
    note(after, "resp_3", "openai", "m")
    assert [bool(found_by(other, f"resp_{n}")) for n in (1, 2, 3)] == [True, False, True]
    after.close()
    other.close()


def test_a_run_of_zeros_hides_nothing_behind_it(tmp_path: Path, clock: SetClock) -> None:
    before = KeptFiles(tmp_path, 0, clock)
    note(before, "resp_1", "openai", "m")
    before.close()
    [log] = tmp_path.glob("*.log")
    log.write_bytes(log.read_bytes() + bytes(20_000))
    after = KeptFiles(tmp_path, 0, clock)
    note(after, "resp_2", "openai", "m")
    assert found_by(after, "resp_1") is not None
    assert found_by(after, "resp_2") is not None
    after.close()


def test_what_is_no_longer_at_hand_is_found_in_the_files(tmp_path: Path, clock: SetClock) -> None:
    writer = KeptFiles(tmp_path, 0, clock)
    for number in range(100):
        note(writer, f"resp_{number}", "openai", f"model-{number}")
    small = KeptFiles(tmp_path, 1, clock, KeptBounds(ids_max=10))
    found = [found_by(small, f"resp_{number}") for number in range(100)]
    assert [kept and kept.model for kept in found] == [f"model-{number}" for number in range(100)]
    assert found_by(small, "resp_100") is None
    writer.close()
    small.close()


def test_what_lies_before_the_first_reading_is_found_in_the_files(tmp_path: Path, clock: SetClock) -> None:
    writer = KeptFiles(tmp_path, 0, clock)
    for number in range(30):
        clock.time_ns = START_NS + number % 3 * DAY_NS
        note(writer, f"resp_{number}", "openai", f"model-{number}")
    late = KeptFiles(tmp_path, 1, clock, KeptBounds(first_read_bytes=500))
    found = [found_by(late, f"resp_{number}") for number in range(30)]
    assert [kept and kept.model for kept in found] == [f"model-{number}" for number in range(30)]
    assert found_by(late, "resp_30") is None
    writer.close()
    late.close()


@pytest.mark.parametrize("response_id", ['a",b', "back\\slash", "line\nbreak", "é" * 100, "", "{}[]"])
def test_an_id_of_any_form_is_found(workers: tuple[KeptFiles, KeptFiles], response_id: str) -> None:
    first, second = workers
    note(first, 'a",c', "other", "m")
    note(first, response_id, "openai", "m")
    note(first, 'a",d', "other", "m")
    found = found_by(second, response_id)
    assert found is not None
    assert found.provider == "openai"


@pytest.mark.parametrize("name", ["x" * 4_096, "x" * 4_000, "\0" * 1_024, "\ud800"])
def test_an_id_that_no_line_can_hold_has_none_and_is_not_found(
    workers: tuple[KeptFiles, KeptFiles], name: str
) -> None:
    first, second = workers
    kept = KeptResponse("openai", "m", "fast", ALICE, START_NS)
    assert list(lines_of([name, "resp_1"], kept)) == ["resp_1"]
    note(first, "?", "openai", "m")
    assert found_by(second, name) is None


def test_a_line_may_be_as_long_as_its_limit(workers: tuple[KeptFiles, KeptFiles]) -> None:
    first, second = workers
    kept = KeptResponse("openai", "m", "fast", ALICE, START_NS)
    room_bytes = LINE_BYTES_MAX - 1 - len(lines_of([""], kept)[""])
    assert lines_of(["x" * (room_bytes + 1)], kept) == {}
    remember(first, kept, "x" * room_bytes)
    assert found_by(second, "x" * room_bytes) == kept


def test_responses_are_found_for_thirty_days_and_then_forgotten(tmp_path: Path, clock: SetClock) -> None:
    kept = KeptFiles(tmp_path, 0, clock)
    note(kept, "resp_1", "openai", "m")
    clock.time_ns = START_NS + 30 * DAY_NS
    note(kept, "resp_2", "openai", "m")
    assert found_by(kept, "resp_1") is not None
    clock.time_ns = START_NS + 31 * DAY_NS
    note(kept, "resp_3", "openai", "m")
    assert [bool(found_by(kept, f"resp_{n}")) for n in (1, 2, 3)] == [False, True, True]
    kept.close()


def test_files_of_others_in_the_folder_are_left_alone(tmp_path: Path, clock: SetClock) -> None:
    strangers = [tmp_path / "notes.log", tmp_path / "0.yesterday.log"]
    for stranger in strangers:
        stranger.write_text("not ours\n")
    kept = KeptFiles(tmp_path, 0, clock)
    assert found_by(kept, "not ours") is None
    assert all(stranger.exists() for stranger in strangers)
    kept.close()


def test_only_the_owner_of_the_installation_can_read_the_files(tmp_path: Path, clock: SetClock) -> None:
    KeptFiles(tmp_path, 0, clock).close()
    [log] = tmp_path.glob("*.log")
    assert log.stat().st_mode & 0o077 == 0


def test_a_response_and_its_items_are_noted_and_found_together(
    workers: tuple[KeptFiles, KeptFiles],
) -> None:
    first, second = workers
    kept = KeptResponse("openai", "m", "fast", ALICE, START_NS)
    remember(first, kept, "resp_1", "msg_1", "rs_1")
    assert second.look_up(["rs_1", "resp_1", "rs_2"]) == ({"rs_1": kept, "resp_1": kept}, True)


def test_many_old_ids_are_found_in_one_search(tmp_path: Path, clock: SetClock) -> None:
    writer = KeptFiles(tmp_path, 0, clock)
    for number in range(3000):
        note(writer, f"resp_{number}", "openai", "m" * (number % 300))
    late = KeptFiles(tmp_path, 1, clock, KeptBounds(first_read_bytes=0))
    asked = [f"resp_{number}" for number in range(0, 3001, 250)]
    assert late.look_up(asked[1:2]) == ({}, False)
    assert {name: len(kept.model) for name, kept in late.search(asked).items()} == {
        f"resp_{number}": number % 300 for number in range(0, 3000, 250)
    }
    writer.close()
    late.close()


def test_a_search_ends_when_the_worker_does(tmp_path: Path, clock: SetClock) -> None:
    writer = KeptFiles(tmp_path, 0, clock)
    note(writer, "resp_1", "openai", "m")
    writer.close()
    assert writer.search(["resp_1"]) == {}


def who(
    team: str | None = None,
    project: str | None = None,
    user: str | None = None,
    key: str = "k",
    organisation: str = "acme",
) -> Principal:
    return Principal(organisation, team, project, user, key)


@pytest.mark.parametrize(
    ("owner", "caller", "allowed"),
    [
        (who(team="a", key="1"), who(team="a", key="2"), True),
        (who(team="a"), who(team="b"), False),
        (who(team="a"), who(team="a", organisation="other"), False),
        (who(team="a", project="p"), who(team="a", project="p", key="2"), True),
        (who(team="a", project="p"), who(team="a", project="q"), False),
        (who(team="a", project="p"), who(team="a"), True),
        (who(user="alice", key="1"), who(user="alice", key="2"), True),
        (who(team="a", user="alice"), who(team="a", user="bob"), False),
        (who(team="a", user="alice"), who(team="b", user="alice"), False),
        (who(user="alice"), who(team="a"), False),
        (who(key="admin"), who(key="admin"), True),
        (who(user="alice", key="admin"), who(key="admin"), True),
        (who(user="alice", key="admin"), who(user="bob", key="admin"), False),
        (who(key="admin"), who(key="other"), False),
        (who(key="admin"), who(team="a", key="admin"), False),
    ],
)
def test_who_may_touch_a_response(owner: Principal, caller: Principal, allowed: bool) -> None:
    assert may_touch(KeptResponse("openai", "m", "fast", owner, START_NS), caller) is allowed
