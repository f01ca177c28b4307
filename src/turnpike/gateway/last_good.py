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

    async def keep(self, snapshot: Snapshot) -> None:
        """Put `snapshot` in the file's place. A disk that refuses is logged: serving goes on."""
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
