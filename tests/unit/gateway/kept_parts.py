"""What tests of kept responses share: a clock, an owner, and a disk that hangs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from turnpike.domain.principal import Principal
from turnpike.gateway.kept.files import KeptFiles
from turnpike.gateway.kept.line import lines_of
from turnpike.gateway.kept.response import KeptResponse

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


def remember(files: KeptFiles, kept: KeptResponse, *ids: str) -> None:
    """As the writer has it done."""
    files.remember(list(lines_of(ids, kept).values()))


def log_of(folder: Path, slot: int, now_ns: int = START_NS) -> Path:
    """Where a worker's lines of the day are."""
    return folder / f"{slot}.{datetime.fromtimestamp(now_ns // 10**9, UTC).date()}.log"


class HungLog:
    """A worker's log on a disk that can hang: a pipe, which takes no byte while it is full."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)
        self._read = b""
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def hang(self) -> None:
        """Writes to it block from now on."""
        with suppress(BlockingIOError):
            while True:
                os.write(self._descriptor, bytes(65_536))
        with suppress(BlockingIOError):
            while True:
                os.write(self._descriptor, b"\0")

    def answer(self) -> None:
        """Writes go on."""
        with suppress(BlockingIOError):
            while piece := os.read(self._descriptor, 65_536):
                self._read += piece.replace(b"\0", b"")

    def lines(self) -> list[bytes]:
        """What was written so far."""
        self.answer()
        return self._read.splitlines()

    def close(self) -> None:
        self.answer()
        os.close(self._descriptor)


@contextmanager
def hung_log(folder: Path, slot: int = 0, now_ns: int = START_NS) -> Iterator[HungLog]:
    """A worker's log on a disk that hangs until it is told to answer; make it before the worker."""
    log = HungLog(log_of(folder, slot, now_ns))
    try:
        log.hang()
        yield log
    finally:
        log.close()
