"""How much the folder holds, as one worker knows it."""

from __future__ import annotations

from threading import Lock


class Census:
    """Counts by shard: exact where a shard was last looked through, plus what this worker added since.

    Safe in any thread. What other workers add is known after the next look.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._shards: dict[str, tuple[int, int]] = {}
        self.files = 0
        self.total_bytes = 0

    def add(self, shard: str, files: int, size_bytes: int) -> None:
        """Something was written."""
        with self._lock:
            old_files, old_bytes = self._shards.get(shard, (0, 0))
            self._enter(shard, old_files + files, old_bytes + size_bytes)

    def know(self, shard: str, files: int, size_bytes: int) -> None:
        """A shard was looked through."""
        with self._lock:
            self._enter(shard, files, size_bytes)

    def _enter(self, shard: str, files: int, size_bytes: int) -> None:
        old_files, old_bytes = self._shards.get(shard, (0, 0))
        self._shards[shard] = (files, size_bytes)
        self.files += files - old_files
        self.total_bytes += size_bytes - old_bytes
