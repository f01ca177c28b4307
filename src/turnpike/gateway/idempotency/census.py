"""How much the folder holds, and of whom, as one worker knows it."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Final

import msgspec


class Held(msgspec.Struct, frozen=True, gc=False):
    """Files, and the bytes in them."""

    files: int = 0
    size_bytes: int = 0

    def plus(self, other: Held) -> Held:
        """Both together; nothing falls below zero by what was miscounted."""
        return Held(max(0, self.files + other.files), max(0, self.size_bytes + other.size_bytes))


NOTHING: Final = Held()


class Census:
    """Counts by shard and share: exact where a shard was last looked through, plus what this worker added since.

    Safe in any thread. What other workers add is known after the next look.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._shards: dict[str, dict[bytes, Held]] = {}
        self._shares: dict[bytes, Held] = {}
        self.total = NOTHING

    def of(self, share: bytes) -> Held:
        """What counts to the share."""
        return self._shares.get(share, NOTHING)

    def add(self, shard: str, share: bytes, more: Held) -> None:
        """Something was written, or with negative counts removed."""
        with self._lock:
            known = self._shards.setdefault(shard, {})
            self._enter(known, share, known.get(share, NOTHING).plus(more))

    def know(self, shard: str, found: Mapping[bytes, Held]) -> None:
        """A shard was looked through."""
        with self._lock:
            known = self._shards.setdefault(shard, {})
            for share in known.keys() | found.keys():
                self._enter(known, share, found.get(share, NOTHING))

    def _enter(self, known: dict[bytes, Held], share: bytes, held: Held) -> None:
        before = known.get(share, NOTHING)
        more = Held(held.files - before.files, held.size_bytes - before.size_bytes)
        _put(known, share, held)
        _put(self._shares, share, self.of(share).plus(more))
        self.total = self.total.plus(more)


def _put(counts: dict[bytes, Held], share: bytes, held: Held) -> None:
    """Who holds nothing any more takes no memory here."""
    if held == NOTHING:
        counts.pop(share, None)
    else:
        counts[share] = held
