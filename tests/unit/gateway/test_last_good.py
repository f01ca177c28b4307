"""The last good snapshot on disk: what is given back, and what is refused."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.unit.gateway.keyed_calls import SEAL
from turnpike.domain.principal import Principal
from turnpike.domain.snapshot import Access, Key, Secret, Snapshot, encode_snapshot
from turnpike.gateway.last_good import LastGood

BOUND_SECONDS = 10
KEY = Key("one", Principal("acme", key="one"), (Secret(b"d" * 32),), Access(), revoked=True)
SNAPSHOT = Snapshot("1-aaaa", 1, 0, "acme", keys=(KEY,))


def a_last_good(folder: Path) -> LastGood:
    return LastGood(folder, 0, SEAL)


async def kept(folder: Path, snapshot: Snapshot = SNAPSHOT) -> Path:
    """The file, once the snapshot stands in it."""
    file, old = folder / "current", inode_of(folder / "current")
    last_good = a_last_good(folder)
    keeping = asyncio.ensure_future(last_good.keep_up())
    last_good.replace(snapshot)
    async with asyncio.timeout(BOUND_SECONDS):
        while inode_of(file) == old:
            await asyncio.sleep(0.001)
    keeping.cancel()
    return file


def inode_of(file: Path) -> int:
    return file.lstat().st_ino if file.exists() else 0


def read(folder: Path) -> tuple[Snapshot | None, list[str]]:
    """What is given back, and what was logged of it."""

    async def whole() -> Snapshot | None:
        async with asyncio.timeout(BOUND_SECONDS):
            return await a_last_good(folder).read()

    with capture_logs() as logged:
        found = asyncio.run(whole())
    return found, [f"{entry['event']}: {entry['reason']}; {entry['mend']}" for entry in logged]


def test_what_was_kept_is_given_back(tmp_path: Path) -> None:
    asyncio.run(kept(tmp_path))
    assert read(tmp_path) == (SNAPSHOT, [])


def test_where_nothing_was_kept_nothing_is_said(tmp_path: Path) -> None:
    assert read(tmp_path) == (None, [])


def test_a_snapshot_of_which_any_byte_was_changed_is_refused(tmp_path: Path) -> None:
    file = asyncio.run(kept(tmp_path))
    data = file.read_bytes()

    async def given_back() -> list[int]:
        last_good, places = a_last_good(tmp_path), []
        for place in range(len(data)):
            file.write_bytes(data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :])
            if await last_good.read() is not None:
                places.append(place)
        return places

    with capture_logs() as logged:
        assert asyncio.run(given_back()) == []
    assert len(logged) == len(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: encode_snapshot(SNAPSHOT),
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: b"",
        lambda data: SEAL.close(encode_snapshot(SNAPSHOT), "credential"),
    ],
    ids=["the earlier form", "cut", "longer", "empty", "sealed for something else"],
)
def test_what_this_home_did_not_keep_so_counts_as_none(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    file = asyncio.run(kept(tmp_path))
    file.write_bytes(damage(file.read_bytes()))
    found, (said,) = read(tmp_path)
    assert found is None
    assert said.startswith("snapshot.unreadable: ")
    assert "bring control within reach" in said


def test_a_pipe_in_its_place_is_refused_at_once_and_gives_way_to_what_is_kept(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "current")
    found, (said,) = read(tmp_path)
    assert found is None
    assert "not a regular file" in said
    os.mkfifo(tmp_path / "fresh-0")
    asyncio.run(kept(tmp_path))
    assert read(tmp_path) == (SNAPSHOT, [])


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "current").mkdir()
    found, (said,) = read(tmp_path)
    assert found is None
    assert "a folder, where a file is wanted" in said


class HungSeal:
    """A seal that opens nothing until it may, as a disk that hangs gives nothing."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()

    def close(self, secret: bytes, purpose: str) -> bytes:
        return SEAL.close(secret, purpose)

    def open(self, closed: bytes, purpose: str) -> bytes:
        self.may_go_on.wait(60)
        return SEAL.open(closed, purpose)

    def digest(self, secret: bytes, purpose: str) -> bytes:
        return SEAL.digest(secret, purpose)


def test_a_disk_that_hangs_holds_a_start_up_for_a_bounded_time(tmp_path: Path) -> None:
    async def whole() -> None:
        await kept(tmp_path)
        seal = HungSeal()
        try:
            async with asyncio.timeout(BOUND_SECONDS):
                assert await LastGood(tmp_path, 0, seal, reading_seconds=0.01).read() is None
        finally:
            seal.may_go_on.set()

    with capture_logs() as logged:
        asyncio.run(whole())
    assert [entry["reason"] for entry in logged] == ["its disk did not answer within 0.01 s"]
