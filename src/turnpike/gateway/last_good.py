"""The last good snapshot on disk: what a worker starts from when control is away.

The file is sealed, so that a worker serves by what control published or by nothing: one bit that has
changed could make a revoked key good.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

import structlog

from turnpike.domain.snapshot import Snapshot, decode_snapshot, encode_snapshot
from turnpike.files import read_named_file
from turnpike.gateway.disk import DiskThreads, within
from turnpike.ports.sealing import SNAPSHOT_PURPOSE, Seal

FILE_MODE: Final = 0o600
SNAPSHOT_MAX_BYTES: Final = 268_435_456
SEALED_MAX_BYTES: Final = SNAPSHOT_MAX_BYTES + 1024
"""A snapshot and what the seal adds."""
READING_SECONDS: Final = 5.0
"""How long a start waits for the disk before it goes on without the file."""

_MEND: Final = (
    "bring control within reach: it gives this worker a fresh one, which takes the file's place; "
    "until then nothing of the file is served"
)


def read_last_good(file: Path, seal: Seal) -> Snapshot:
    """The snapshot in a file of these. Raises OSError, or ValueError where it was changed or is another key's."""
    return decode_snapshot(seal.open(read_named_file(file, SEALED_MAX_BYTES), SNAPSHOT_PURPOSE))


class LastGood:
    """One file of the home, replaced whole; workers of one home keep the same content in it.

    Make it inside a running loop.
    """

    def __init__(self, folder: Path, slot: int, seal: Seal, reading_seconds: float = READING_SECONDS) -> None:
        self._file = folder / "current"
        self._fresh = folder / f"fresh-{slot}"
        self._seal = seal
        self._reading_seconds = reading_seconds
        self._disk = DiskThreads("snapshot", threads=1, waiting_max=1)
        self._latest: Snapshot | None = None
        self._is_due = asyncio.Event()

    def replace(self, snapshot: Snapshot) -> None:
        """Let `snapshot` take the file's place as soon as it can be written."""
        self._latest = snapshot
        self._is_due.set()

    async def keep_up(self) -> None:
        """Write what is to be kept until cancelled, one at a time and only the latest.

        A disk that refuses is logged, and one that hangs holds nothing else up: serving goes on.
        """
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            snapshot = self._latest
            if snapshot is not None:
                await self._keep(snapshot)

    async def _keep(self, snapshot: Snapshot) -> None:
        try:
            # Whoever is cancelled meanwhile leaves the file to be written whole.
            await asyncio.shield(self._disk.begin(self._write, snapshot))
        except OSError as fault:
            structlog.get_logger().error("snapshot.not_kept", reason=str(fault))

    async def read(self) -> Snapshot | None:
        """The snapshot that was kept; None where there is none that can be read, or that was changed."""
        try:
            return await within(self._reading_seconds, self._disk.begin(self._read))
        except FileNotFoundError:
            return None
        except TimeoutError:
            # It is an OSError too, and has no words of its own.
            self._refuse(f"its disk did not answer within {self._reading_seconds:g} s")
        except OSError as fault:
            self._refuse(fault.strerror or str(fault))
        except ValueError as fault:
            self._refuse(f"{fault}; or it was kept by an earlier release")
        return None

    def _refuse(self, reason: str) -> None:
        structlog.get_logger().error("snapshot.unreadable", file=str(self._file), reason=reason, mend=_MEND)

    def _read(self) -> Snapshot:
        return read_last_good(self._file, self._seal)

    def _write(self, snapshot: Snapshot) -> None:
        closed = self._seal.close(encode_snapshot(snapshot), SNAPSHOT_PURPOSE)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # What a killed worker left, or a pipe that would be waited for, gives way to a file of our own.
        self._fresh.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(self._fresh, flags, FILE_MODE), "wb") as file:
            file.write(closed)
            file.flush()
            os.fsync(file.fileno())
        self._fresh.replace(self._file)
