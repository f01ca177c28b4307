"""The last good snapshot on disk: what a worker starts from when control is away."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

import structlog

from turnpike.domain.snapshot import Snapshot, decode_snapshot, encode_snapshot

FILE_MODE: Final = 0o600


class LastGood:
    """One file of the home, replaced whole; workers of one home keep the same content in it."""

    def __init__(self, folder: Path, slot: int) -> None:
        self._file = folder / "current"
        self._fresh = folder / f"fresh-{slot}"
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
            await asyncio.to_thread(self._write, encode_snapshot(snapshot))
        except OSError as fault:
            structlog.get_logger().error("snapshot.not_kept", reason=str(fault))

    async def read(self) -> Snapshot | None:
        """The snapshot that was kept; None where there is none that can be read."""
        try:
            return decode_snapshot(await asyncio.to_thread(self._file.read_bytes))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as fault:
            structlog.get_logger().error("snapshot.unreadable", reason=str(fault))
            return None

    def _write(self, data: bytes) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self._fresh.replace(self._file)
