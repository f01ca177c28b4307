"""The index of kept responses, as two workers on one folder use it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from turnpike.domain.principal import Principal
from turnpike.gateway.kept import IndexBounds, Kept, KeptResponses, may_touch

DAY_NS = 86_400 * 10**9
START_NS = 20_000 * DAY_NS
ALICE = Principal("acme", "research", None, "alice", "alice-laptop")


class SetClock:
    """A clock that tests set."""

    def __init__(self, now_ns: int = START_NS) -> None:
        self.time_ns = now_ns

    def now_ns(self) -> int:
        return self.time_ns

    def monotonic_ns(self) -> int:
        return self.time_ns


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def workers(tmp_path: Path, clock: SetClock) -> Iterator[tuple[KeptResponses, KeptResponses]]:
    first, second = KeptResponses(tmp_path, 0, clock), KeptResponses(tmp_path, 1, clock)
    yield first, second
    first.close()
    second.close()


def test_every_worker_finds_what_one_noted(workers: tuple[KeptResponses, KeptResponses]) -> None:
    first, second = workers
    first.remember("resp_1", "openai", "gpt-4o-mini", ALICE)
    expected = Kept("openai", "gpt-4o-mini", ALICE, START_NS)
    assert second.find("resp_1") == expected
    assert first.find("resp_1") == expected


def test_what_is_noted_between_two_questions_is_found(workers: tuple[KeptResponses, KeptResponses]) -> None:
    first, second = workers
    assert second.find("resp_1") is None
    first.remember("resp_1", "openai", "m", ALICE)
    second.remember("resp_2", "local", "m", ALICE)
    assert second.find("resp_1") is not None
    found = first.find("resp_2")
    assert found is not None
    assert found.provider == "local"


def test_a_worker_started_anew_knows_everything(tmp_path: Path, clock: SetClock) -> None:
    before = KeptResponses(tmp_path, 0, clock)
    before.remember("resp_1", "openai", "m", ALICE)
    before.close()
    after = KeptResponses(tmp_path, 0, clock)
    assert after.find("resp_1") is not None
    after.close()


def test_a_killed_worker_loses_nothing_that_it_noted(tmp_path: Path, clock: SetClock) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from turnpike.domain.principal import Principal
from turnpike.gateway.kept import KeptResponses

class SetClock:
    def now_ns(self): return int(sys.argv[2])
    def monotonic_ns(self): return 0

kept = KeptResponses(Path(sys.argv[1]), 0, SetClock())
for number in range(100):
    kept.remember(f"resp_{number}", "openai", "m", Principal("acme", "research"))
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path), str(START_NS)], check=False)
    assert ended.returncode == -9
    other = KeptResponses(tmp_path, 1, clock)
    assert all(other.find(f"resp_{number}") for number in range(100))
    other.close()


def test_a_torn_last_line_is_passed_over_and_the_next_is_found(tmp_path: Path, clock: SetClock) -> None:
    before = KeptResponses(tmp_path, 0, clock)
    before.remember("resp_1", "openai", "m", ALICE)
    before.remember("resp_2", "openai", "m", ALICE)
    before.close()
    [log] = tmp_path.glob("*.log")
    os.truncate(log, log.stat().st_size - 20)
    after, other = KeptResponses(tmp_path, 0, clock), KeptResponses(tmp_path, 1, clock)
    after.remember("resp_3", "openai", "m", ALICE)
    assert [bool(other.find(f"resp_{n}")) for n in (1, 2, 3)] == [True, False, True]
    after.close()
    other.close()


def test_a_run_of_zeros_hides_nothing_behind_it(tmp_path: Path, clock: SetClock) -> None:
    before = KeptResponses(tmp_path, 0, clock)
    before.remember("resp_1", "openai", "m", ALICE)
    before.close()
    [log] = tmp_path.glob("*.log")
    log.write_bytes(log.read_bytes() + bytes(20_000))
    after = KeptResponses(tmp_path, 0, clock)
    after.remember("resp_2", "openai", "m", ALICE)
    assert after.find("resp_1") is not None
    assert after.find("resp_2") is not None
    after.close()


def test_what_is_no_longer_at_hand_is_found_in_the_files(tmp_path: Path, clock: SetClock) -> None:
    writer = KeptResponses(tmp_path, 0, clock)
    for number in range(100):
        writer.remember(f"resp_{number}", "openai", f"model-{number}", ALICE)
    small = KeptResponses(tmp_path, 1, clock, IndexBounds(ids_max=10))
    found = [small.find(f"resp_{number}") for number in range(100)]
    assert [kept and kept.model for kept in found] == [f"model-{number}" for number in range(100)]
    assert small.find("resp_100") is None
    writer.close()
    small.close()


def test_what_lies_before_the_first_reading_is_found_in_the_files(tmp_path: Path, clock: SetClock) -> None:
    writer = KeptResponses(tmp_path, 0, clock)
    for number in range(30):
        clock.time_ns = START_NS + number % 3 * DAY_NS
        writer.remember(f"resp_{number}", "openai", f"model-{number}", ALICE)
    late = KeptResponses(tmp_path, 1, clock, IndexBounds(first_read_bytes=500))
    found = [late.find(f"resp_{number}") for number in range(30)]
    assert [kept and kept.model for kept in found] == [f"model-{number}" for number in range(30)]
    assert late.find("resp_30") is None
    writer.close()
    late.close()


@pytest.mark.parametrize("response_id", ['a",b', "back\\slash", "line\nbreak", "é" * 100, "", "{}[]"])
def test_an_id_of_any_form_is_found(workers: tuple[KeptResponses, KeptResponses], response_id: str) -> None:
    first, second = workers
    first.remember('a",c', "other", "m", ALICE)
    first.remember(response_id, "openai", "m", ALICE)
    first.remember('a",d', "other", "m", ALICE)
    found = second.find(response_id)
    assert found is not None
    assert found.provider == "openai"


def test_an_id_that_fills_a_line_is_refused(workers: tuple[KeptResponses, KeptResponses]) -> None:
    first, second = workers
    with pytest.raises(ValueError, match="bytes"):
        first.remember("x" * 4096, "openai", "m", ALICE)
    assert second.find("x" * 4096) is None
    assert second.find("\ud800") is None


def test_responses_are_found_for_thirty_days_and_then_forgotten(tmp_path: Path, clock: SetClock) -> None:
    kept = KeptResponses(tmp_path, 0, clock)
    kept.remember("resp_1", "openai", "m", ALICE)
    clock.time_ns = START_NS + 30 * DAY_NS
    kept.remember("resp_2", "openai", "m", ALICE)
    assert kept.find("resp_1") is not None
    clock.time_ns = START_NS + 31 * DAY_NS
    kept.remember("resp_3", "openai", "m", ALICE)
    assert [bool(kept.find(f"resp_{n}")) for n in (1, 2, 3)] == [False, True, True]
    kept.close()


def test_files_of_others_in_the_folder_are_left_alone(tmp_path: Path, clock: SetClock) -> None:
    strangers = [tmp_path / "notes.log", tmp_path / "0.yesterday.log"]
    for stranger in strangers:
        stranger.write_text("not ours\n")
    kept = KeptResponses(tmp_path, 0, clock)
    assert kept.find("not ours") is None
    assert all(stranger.exists() for stranger in strangers)
    kept.close()


def test_only_the_owner_of_the_installation_can_read_the_files(tmp_path: Path, clock: SetClock) -> None:
    KeptResponses(tmp_path, 0, clock).close()
    [log] = tmp_path.glob("*.log")
    assert log.stat().st_mode & 0o077 == 0


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
    assert may_touch(Kept("openai", "m", owner, START_NS), caller) is allowed
