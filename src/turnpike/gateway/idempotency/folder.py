"""The keys of a home: one file each, in a folder that all its workers share.

A file's name is a digest of the key and its owner; its content is the mark of the share that it counts
to, and what is sealed; its date is that of the call, so that share and age can be seen without
opening what is sealed. A claim that nobody holds was left by a worker that was killed, or that could
not write what came of the call.

The share stands in no name: a key whose Turnpike key moves to another team is found all the same.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec
import structlog

from turnpike.gateway.idempotency.census import NOTHING, Census, Held
from turnpike.gateway.idempotency.claim import FRESH_SUFFIX, SHARE_BYTES, Claim, is_at, make_claim, take_away
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
from turnpike.ports.clock import SECOND_NS, Clock
from turnpike.ports.sealing import Seal

LIFETIME_SECONDS: Final = 86_400
SHARD_DIGITS: Final = 2
SHARDS: Final = tuple(f"{number:0{SHARD_DIGITS}x}" for number in range(16**SHARD_DIGITS))
"""The folders in the folder, by the first digits of a file's name: each is soon looked through."""

LOOKS_MAX: Final = 20
"""How often a key is looked at again that changed hands meanwhile."""
FILE_BYTES_MAX: Final = 64 * 1024 * 1024

LOOKS_PER_FILLING: Final = 32
"""So many times a worker looks through the whole folder while it alone would fill it: what others add meanwhile is seen."""


class FolderBounds(msgspec.Struct, frozen=True):
    """What the folder may hold; several workers together may go a little beyond it.

    One share (a team's, or a key's without a team) may hold no more of either than is still free: half, where
    nobody else holds anything. So whoever comes next always finds room, however many were greedy before.
    keys_max: keys of one day; beyond its share, calls with a new key are refused.
    total_bytes_max: beyond its share, answers are not kept: their keys say so.
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
    """A share holds as many keys as it may."""


class Folder:
    """Everything here reads and writes files: call it off the event loop, from any thread."""

    def __init__(self, folder: Path, seal: Seal, clock: Clock, bounds: FolderBounds = BOUNDS) -> None:
        self._folder = folder
        self._seal = seal
        self._clock = clock
        self._bounds = bounds
        self._census = Census()
        self._looks_due = 0.0

    @property
    def owes_a_look(self) -> bool:
        """Whether so much was added that another shard is to be swept, however soon after the last."""
        return self._looks_due >= 1

    def enter(self, name: str, claimed: Claimed, share: bytes) -> Claim | Found:
        """A claim on the key of this name, or what it stands for already. A claim counts to the share.

        Raises OSError where the claim cannot be written, NoRoom (an OSError) where its share is taken.
        """
        path = self._folder / name[:SHARD_DIGITS] / name
        for _ in range(LOOKS_MAX):
            taken = self._look(path) or self._claim(path, claimed, share)
            if taken is not None:
                return taken
        return Running(claimed.fingerprint, claimed.call_id)

    def keep(self, claim: Claim, entry: Answered | Unrepeatable) -> None:
        """End a claim with what came of the call. Raises OSError: the claim stays then, held by nobody."""
        content = claim.share + close_entry(entry, self._seal)
        free_bytes = self._bounds.total_bytes_max - self._census.total.size_bytes
        if self._census.of(claim.share).size_bytes + len(content) > free_bytes:
            spent = Unrepeatable(entry.fingerprint, entry.call_id, Reason.NO_ROOM)
            content = claim.share + close_entry(spent, self._seal)
        claim.keep(content)
        self._count(claim, Held(0, len(content) - claim.size_bytes))

    def free(self, claim: Claim) -> None:
        """End a claim on whose call nothing was executed. Raises OSError."""
        claim.free()
        self._count(claim, Held(-1, -claim.size_bytes))

    def sweep(self, shard: str) -> None:
        """Remove what is older than a key lives, and count the rest. Raises OSError."""
        self._looks_due = max(0.0, self._looks_due - 1)
        counts: dict[bytes, Held] = {}
        try:
            with os.scandir(self._folder / shard) as found:
                for file in found:
                    if file.is_file(follow_symlinks=False):
                        share, held = self._swept(Path(file.path))
                        counts[share] = counts.get(share, NOTHING).plus(held)
        except FileNotFoundError:
            pass
        self._census.know(shard, counts)

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

    def _claim(self, path: Path, claimed: Claimed, share: bytes) -> Claim | None:
        held, free = self._census.of(share).files, self._bounds.keys_max - self._census.total.files
        if held >= free:
            raise NoRoom(
                f"{held} idempotency keys of this team, or of this key where it has none, are kept, which is the "
                "most while no more are free for others"
            )
        content = share + close_entry(claimed, self._seal)
        fresh = path.with_name(claimed.call_id + FRESH_SUFFIX)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        claim = make_claim(path, fresh, content, self._clock.now_ns())
        if claim is not None:
            self._count(claim, Held(1, claim.size_bytes))
        return claim

    def _count(self, claim: Claim, more: Held) -> None:
        self._census.add(claim.path.parent.name, claim.share, more)
        # Not locked: threads that meet here owe a look the less, and the next call owes it again.
        part = max(more.files / self._bounds.keys_max, more.size_bytes / self._bounds.total_bytes_max, 0.0)
        self._looks_due = min(self._looks_due + part * LOOKS_PER_FILLING * len(SHARDS), len(SHARDS))

    def _read(self, descriptor: int) -> Entry | Damaged:
        try:
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return open_entry(file.read(FILE_BYTES_MAX)[SHARE_BYTES:], self._seal)
        except ValueError as fault:
            structlog.get_logger().error("idempotency.unreadable", reason=str(fault))
            return Damaged()

    def _swept(self, path: Path) -> tuple[bytes, Held]:
        """Whose a file is that stays, and what it takes; nothing where it was removed."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return b"", NOTHING
        try:
            found = os.fstat(descriptor)
            if self._is_past(found) and take_away(path, descriptor):
                return b"", NOTHING
            return os.read(descriptor, SHARE_BYTES), Held(1, found.st_size)
        finally:
            os.close(descriptor)

    def _is_past(self, found: os.stat_result) -> bool:
        return found.st_mtime_ns + LIFETIME_SECONDS * SECOND_NS <= self._clock.now_ns()
