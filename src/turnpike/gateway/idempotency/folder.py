"""The keys of a home: one file each, in a folder that all its workers share.

A file's name is a digest of the key and its owner; its content is sealed; its date is that of the
call, so that its age can be seen without opening it. A claim that nobody holds was left by a worker
that was killed, or that could not write what came of the call.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec
import structlog

from turnpike.gateway.idempotency.census import Census
from turnpike.gateway.idempotency.claim import FRESH_SUFFIX, Claim, is_at, make_claim, take_away
from turnpike.gateway.idempotency.entry import (
    Answered,
    Claimed,
    Entry,
    Reason,
    Unrepeatable,
    close_entry,
    open_entry,
)
from turnpike.gateway.metrics.held import is_held
from turnpike.ports.clock import Clock
from turnpike.ports.sealing import Seal

LIFETIME_SECONDS: Final = 86_400
SHARD_DIGITS: Final = 2
SHARDS: Final = tuple(f"{number:0{SHARD_DIGITS}x}" for number in range(16**SHARD_DIGITS))
"""The folders in the folder, by the first digits of a file's name: each is soon looked through."""

LOOKS_MAX: Final = 20
"""How often a key is looked at again that changed hands meanwhile."""
FILE_BYTES_MAX: Final = 64 * 1024 * 1024

_NANOS_PER_SECOND: Final = 10**9


class FolderBounds(msgspec.Struct, frozen=True):
    """What the folder may hold; several workers together may go a little beyond it.

    keys_max: keys of one day; beyond, calls with a new key are refused.
    total_bytes_max: beyond, answers are not kept: their keys say so.
    """

    keys_max: int = 500_000
    total_bytes_max: int = 4 * 1024**3


BOUNDS: Final = FolderBounds()


class Running(msgspec.Struct, frozen=True):
    """A worker holds the key at this moment."""

    fingerprint: bytes
    call_id: str


class Damaged(msgspec.Struct, frozen=True):
    """Something is kept under the key that cannot be read."""


Found = Running | Claimed | Answered | Unrepeatable | Damaged
"""What a key stands for; `Claimed` is a claim that nobody holds: what came of the call is not known."""


class NoRoom(OSError):
    """The folder holds as many keys as it takes."""


class Folder:
    """Everything here reads and writes files: call it off the event loop, from any thread."""

    def __init__(self, folder: Path, seal: Seal, clock: Clock, bounds: FolderBounds = BOUNDS) -> None:
        self._folder = folder
        self._seal = seal
        self._clock = clock
        self._bounds = bounds
        self._census = Census()

    def enter(self, name: str, claimed: Claimed) -> Claim | Found:
        """A claim on the key of this name, or what it stands for already.

        Raises OSError where the claim cannot be written, NoRoom (an OSError) where the folder is full.
        """
        path = self._folder / name[:SHARD_DIGITS] / name
        for _ in range(LOOKS_MAX):
            taken = self._look(path) or self._claim(path, claimed)
            if taken is not None:
                return taken
        return Running(claimed.fingerprint, claimed.call_id)

    def keep(self, claim: Claim, entry: Answered | Unrepeatable) -> None:
        """End a claim with what came of the call. Raises OSError: the claim stays then, held by nobody."""
        content = close_entry(entry, self._seal)
        if self._census.total_bytes + len(content) > self._bounds.total_bytes_max:
            spent = Unrepeatable(entry.fingerprint, entry.call_id, Reason.NO_ROOM)
            content = close_entry(spent, self._seal)
        claim.keep(content)
        self._census.add(claim.path.parent.name, 0, len(content))

    def sweep(self, shard: str) -> None:
        """Remove what is older than a key lives, and count the rest. Raises OSError."""
        files = size_bytes = 0
        try:
            with os.scandir(self._folder / shard) as found:
                for file in found:
                    size = self._swept(Path(file.path))
                    files += size > 0
                    size_bytes += size
        except FileNotFoundError:
            pass
        self._census.know(shard, files, size_bytes)

    def _look(self, path: Path) -> Found | None:
        """What is there; None where nothing is, or where it changed hands just now."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            is_past = self._is_past(os.fstat(descriptor))
            if is_past and take_away(path, descriptor):
                return None
            entry = self._read(descriptor)
            if not isinstance(entry, Claimed):
                return None if is_past else entry
            if is_held(descriptor):
                return Running(entry.fingerprint, entry.call_id)
            return entry if is_at(path, descriptor) else None
        finally:
            os.close(descriptor)

    def _claim(self, path: Path, claimed: Claimed) -> Claim | None:
        if self._census.files >= self._bounds.keys_max:
            raise NoRoom(f"{self._bounds.keys_max} idempotency keys are kept, which is the most")
        content = close_entry(claimed, self._seal)
        fresh = path.with_name(claimed.call_id + FRESH_SUFFIX)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        claim = make_claim(path, fresh, content, self._clock.now_ns())
        if claim is not None:
            self._census.add(path.parent.name, 1, len(content))
        return claim

    def _read(self, descriptor: int) -> Entry | Damaged:
        try:
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return open_entry(file.read(FILE_BYTES_MAX), self._seal)
        except ValueError as fault:
            structlog.get_logger().error("idempotency.unreadable", reason=str(fault))
            return Damaged()

    def _swept(self, path: Path) -> int:
        """The size of a file that stays; 0 where it was removed."""
        try:
            found = path.stat()
            if not self._is_past(found):
                return found.st_size
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0
        try:
            return 0 if take_away(path, descriptor) else found.st_size
        finally:
            os.close(descriptor)

    def _is_past(self, found: os.stat_result) -> bool:
        return found.st_mtime_ns + LIFETIME_SECONDS * _NANOS_PER_SECOND <= self._clock.now_ns()
