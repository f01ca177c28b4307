"""The folder of keys, as two workers, threads and killed processes use it."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.unit.gateway.keyed_calls import DAY_NS, SEAL, START_NS, SetClock
from tests.unit.gateway.keyed_claims import (
    ANSWERED,
    CLAIMED,
    NAME,
    OTHER,
    OTHER_TEAM,
    TEAM,
    claim_of,
    claimed,
)
from turnpike.gateway.idempotency.claim import Claim, take_away
from turnpike.gateway.idempotency.entry import Reason, Unrepeatable
from turnpike.gateway.idempotency.folder import (
    LOOKS_PER_FILLING,
    SHARDS,
    Damaged,
    Folder,
    FolderBounds,
    NoRoom,
    Running,
)

CLAIM_IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from tests.unit.gateway.keyed_calls import SEAL, SetClock
from turnpike.gateway.idempotency.entry import Claimed
from turnpike.gateway.idempotency.folder import Folder
taken = Folder(Path(sys.argv[1]), SEAL, SetClock()).enter("ab" * 32, Claimed(b"f" * 32, "call-1"), bytes(8))
print("taken", flush=True)
sys.stdin.read()
"""
WRITE_WITHOUT_ROOM = """
import resource, signal, sys
from pathlib import Path
from tests.unit.gateway.keyed_calls import SEAL, SetClock
from turnpike.gateway.idempotency.entry import Claimed
from turnpike.gateway.idempotency.folder import Folder
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
try:
    Folder(Path(sys.argv[1]), SEAL, SetClock()).enter("ab" * 32, Claimed(b"f" * 32, "call-1"), bytes(8))
except OSError:
    print("refused")
"""


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def folder(tmp_path: Path, clock: SetClock) -> Folder:
    return Folder(tmp_path, SEAL, clock)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@contextmanager
def another_process(program: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", program, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_claim_shows_as_running_to_every_worker(tmp_path: Path, folder: Folder, clock: SetClock) -> None:
    claim = claim_of(folder.enter(NAME, CLAIMED, TEAM))
    for worker in (folder, Folder(tmp_path, SEAL, clock)):
        assert worker.enter(NAME, claimed("call-2"), TEAM) == Running(b"f" * 32, "call-1")
    claim.leave()


def test_what_came_of_a_call_takes_the_claim_s_place(tmp_path: Path, folder: Folder, clock: SetClock) -> None:
    folder.keep(claim_of(folder.enter(NAME, CLAIMED, TEAM)), ANSWERED)
    assert Folder(tmp_path, SEAL, clock).enter(NAME, claimed("call-2"), TEAM) == ANSWERED
    assert len(files_in(tmp_path)) == 1


def test_a_freed_key_can_be_claimed_again(tmp_path: Path, folder: Folder) -> None:
    claim_of(folder.enter(NAME, CLAIMED, TEAM)).free()
    assert files_in(tmp_path) == []
    claim_of(folder.enter(NAME, claimed("call-2"), TEAM)).free()


def test_a_claim_of_a_killed_process_stands_and_is_held_by_nobody(tmp_path: Path, folder: Folder) -> None:
    with another_process(CLAIM_IN_ANOTHER_PROCESS, tmp_path) as process:
        assert folder.enter(NAME, claimed("call-2"), TEAM) == Running(b"f" * 32, "call-1")
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert folder.enter(NAME, claimed("call-2"), TEAM) == CLAIMED


def test_a_disk_that_takes_nothing_leaves_no_claim(tmp_path: Path, folder: Folder) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WRITE_WITHOUT_ROOM, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert run.stdout == "refused\n"
    assert files_in(tmp_path) == []
    claim_of(folder.enter(NAME, CLAIMED, TEAM)).free()


def _leave(folder: Folder, claim: Claim) -> None:
    claim.leave()


def _keep(folder: Folder, claim: Claim) -> None:
    folder.keep(claim, ANSWERED)


@pytest.mark.parametrize("end", [None, _keep, _leave], ids=["new", "expired answer", "expired claim"])
def test_of_many_at_once_one_gets_the_claim(
    tmp_path: Path, clock: SetClock, end: Callable[[Folder, Claim], None] | None
) -> None:
    folders = [Folder(tmp_path, SEAL, clock) for _ in range(2)]
    with ThreadPoolExecutor(8) as threads:
        for round_number in range(20):
            name = f"{round_number:064x}"
            if end is not None:
                end(folders[0], claim_of(folders[0].enter(name, claimed(f"old-{round_number}"), TEAM)))
                clock.time_ns += DAY_NS
            calls = [claimed(f"call-{round_number}-{number}") for number in range(8)]
            taken = list(
                threads.map(lambda n: folders[n % 2].enter(name, calls[n], TEAM), range(8))  # noqa: B023  # the round waits for its threads
            )
            claims = [one for one in taken if isinstance(one, Claim)]
            assert len(claims) == 1
            assert all(isinstance(one, Claim | Running) for one in taken)
            claims[0].leave()


def test_a_claim_that_ends_while_it_is_read_is_looked_at_again(tmp_path: Path, clock: SetClock) -> None:
    writer = Folder(tmp_path, SEAL, clock)
    claim = claim_of(writer.enter(NAME, CLAIMED, TEAM))
    reader = Folder(tmp_path, InterruptedSeal(lambda: writer.keep(claim, ANSWERED)), clock)
    assert reader.enter(NAME, claimed("call-2"), TEAM) == ANSWERED


def test_a_claim_that_is_freed_while_it_is_read_can_be_had(tmp_path: Path, clock: SetClock) -> None:
    claim = claim_of(Folder(tmp_path, SEAL, clock).enter(NAME, CLAIMED, TEAM))
    reader = Folder(tmp_path, InterruptedSeal(claim.free), clock)
    claim_of(reader.enter(NAME, claimed("call-2"), TEAM)).leave()


def test_what_took_the_place_of_a_past_file_is_not_taken_away_for_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"past")
    descriptor = os.open(path, os.O_RDWR)
    path.unlink()
    path.write_bytes(b"another worker's")
    assert take_away(path, descriptor)
    os.close(descriptor)
    assert path.read_bytes() == b"another worker's"


def test_a_claim_whose_folder_was_emptied_by_hand_leaves_its_successor_alone(
    tmp_path: Path, folder: Folder
) -> None:
    claim = claim_of(folder.enter(NAME, CLAIMED, TEAM))
    claim.path.unlink()
    successor = claim_of(folder.enter(NAME, claimed("call-2"), TEAM))
    folder.keep(claim, ANSWERED)
    assert folder.enter(NAME, claimed("call-3"), TEAM) == Running(b"f" * 32, "call-2")
    successor.leave()


class InterruptedSeal:
    """A seal before whose first opening something else happens."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self._happens = [happens]

    def close(self, secret: bytes, purpose: str) -> bytes:
        return SEAL.close(secret, purpose)

    def open(self, closed: bytes, purpose: str) -> bytes:
        while self._happens:
            self._happens.pop()()
        return SEAL.open(closed, purpose)

    def digest(self, secret: bytes, purpose: str) -> bytes:
        return SEAL.digest(secret, purpose)


def test_a_claim_that_is_held_outlives_its_day(folder: Folder, clock: SetClock) -> None:
    claim = claim_of(folder.enter(NAME, CLAIMED, TEAM))
    clock.time_ns += 2 * DAY_NS
    folder.sweep(NAME[:2])
    assert isinstance(folder.enter(NAME, claimed("call-2"), TEAM), Running)
    folder.keep(claim, ANSWERED)
    assert isinstance(folder.enter(NAME, claimed("call-3"), TEAM), Claim)


def test_an_answer_s_day_begins_with_its_call(folder: Folder, clock: SetClock) -> None:
    claim = claim_of(folder.enter(NAME, CLAIMED, TEAM))
    clock.time_ns += DAY_NS // 2
    folder.keep(claim, ANSWERED)
    clock.time_ns += DAY_NS // 2 - 1
    assert folder.enter(NAME, claimed("call-2"), TEAM) == ANSWERED
    clock.time_ns += 1
    assert isinstance(folder.enter(NAME, claimed("call-3"), TEAM), Claim)


def test_sweeping_removes_what_is_past_and_nothing_else(
    tmp_path: Path, folder: Folder, clock: SetClock
) -> None:
    folder.keep(claim_of(folder.enter(NAME, CLAIMED, TEAM)), ANSWERED)
    torn = tmp_path / NAME[:2] / "call-0.new"
    torn.write_bytes(b"half of an answer")
    os.utime(torn, ns=(START_NS, START_NS))
    clock.time_ns += DAY_NS - 1
    young = NAME[:2] + OTHER[2:]
    folder.keep(claim_of(folder.enter(young, claimed("call-2"), TEAM)), ANSWERED)
    folder.sweep(NAME[:2])
    assert len(files_in(tmp_path)) == 3
    clock.time_ns += 1
    folder.sweep(NAME[:2])
    assert [path.name for path in files_in(tmp_path)] == [young]


def test_sweeping_where_nothing_is_finds_nothing(folder: Folder) -> None:
    folder.sweep("00")


@pytest.mark.parametrize("content", [b"", bytes(100), b"\x01" + b"x" * 200])
def test_what_cannot_be_read_is_no_free_key(tmp_path: Path, folder: Folder, content: bytes) -> None:
    folder.keep(claim_of(folder.enter(NAME, CLAIMED, TEAM)), ANSWERED)
    (path,) = files_in(tmp_path)
    path.write_bytes(content)
    os.utime(path, ns=(START_NS, START_NS))
    assert folder.enter(NAME, claimed("call-2"), TEAM) == Damaged()


def test_a_full_folder_takes_no_key_until_one_is_past(tmp_path: Path, clock: SetClock) -> None:
    folder = Folder(tmp_path, SEAL, clock, FolderBounds(keys_max=1))
    claim_of(folder.enter(NAME, CLAIMED, TEAM)).leave()
    with pytest.raises(NoRoom, match="the most"):
        folder.enter(OTHER, claimed("call-2"), TEAM)
    assert folder.enter(NAME, claimed("call-3"), TEAM) == CLAIMED
    clock.time_ns += DAY_NS
    folder.sweep(NAME[:2])
    assert isinstance(folder.enter(OTHER, claimed("call-4"), TEAM), Claim)


def test_a_worker_that_starts_counts_what_is_there(tmp_path: Path, folder: Folder, clock: SetClock) -> None:
    claim_of(folder.enter(NAME, CLAIMED, TEAM)).leave()
    later = Folder(tmp_path, SEAL, clock, FolderBounds(keys_max=1))
    later.sweep(NAME[:2])
    with pytest.raises(NoRoom):
        later.enter(OTHER, claimed("call-2"), TEAM)


def test_what_is_freed_leaves_its_room_at_once(tmp_path: Path, clock: SetClock) -> None:
    folder = Folder(tmp_path, SEAL, clock, FolderBounds(keys_max=2))
    for number in range(5):
        folder.free(claim_of(folder.enter(NAME, claimed(f"call-{number}"), TEAM)))
    claim_of(folder.enter(NAME, CLAIMED, TEAM)).leave()
    with pytest.raises(NoRoom, match="1 idempotency keys of this team"):
        folder.enter(OTHER, claimed("call-9"), TEAM)


def test_a_share_that_several_workers_fill_leaves_room_for_others(tmp_path: Path, clock: SetClock) -> None:
    keys_max = 512
    workers = [Folder(tmp_path, SEAL, clock, FolderBounds(keys_max=keys_max)) for _ in range(2)]
    looks = [itertools.cycle(SHARDS) for _ in workers]
    names = (hashlib.sha256(b"%d" % number).hexdigest() for number in itertools.count())

    def fills(worker: int, share: bytes) -> bool:
        """Whether one more key was taken; the worker then looks as often as it owes."""
        try:
            claim_of(workers[worker].enter(name := next(names), claimed(name[:20]), share)).leave()
        except NoRoom:
            return False
        while workers[worker].owes_a_look:
            workers[worker].sweep(next(looks[worker]))
        return True

    greedy = sum(1 for _ in range(keys_max) for worker in (0, 1) if fills(worker, TEAM))
    assert keys_max // 2 <= greedy <= keys_max // 2 + len(workers) * keys_max // LOOKS_PER_FILLING
    assert fills(0, OTHER_TEAM)
    assert fills(1, OTHER_TEAM)


def test_sweeping_counts_to_each_share_what_is_its(tmp_path: Path, folder: Folder, clock: SetClock) -> None:
    same_shard = NAME[:2] + OTHER[2:]
    claim_of(folder.enter(NAME, CLAIMED, TEAM)).leave()
    claim_of(folder.enter(same_shard, claimed("call-2"), OTHER_TEAM)).leave()
    later = Folder(tmp_path, SEAL, clock, FolderBounds(keys_max=4))
    later.sweep(NAME[:2])
    claim_of(later.enter(OTHER, claimed("call-3"), TEAM)).leave()
    with pytest.raises(NoRoom, match="2 idempotency keys"):
        later.enter("ef" * 32, claimed("call-4"), TEAM)


def test_an_answer_without_room_is_noted_as_spent(tmp_path: Path, clock: SetClock) -> None:
    folder = Folder(tmp_path, SEAL, clock, FolderBounds(total_bytes_max=200))
    folder.keep(claim_of(folder.enter(NAME, CLAIMED, TEAM)), ANSWERED)
    expected = Unrepeatable(b"f" * 32, "call-1", Reason.NO_ROOM)
    assert folder.enter(NAME, claimed("call-2"), TEAM) == expected
