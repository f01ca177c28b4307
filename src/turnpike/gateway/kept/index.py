"""Where the newest lines are: all of a file that is in memory, at about 150 bytes for each line."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from turnpike.gateway.kept.bounds import KeptBounds
from turnpike.gateway.kept.line import key_of, lines_from
from turnpike.gateway.kept.logs import logs_in, size_of

OFFSET_BITS: Final = 40


class Index:
    """A digest of each line's start, to its file and offset; for one thread at a time.

    is_whole: no line was left out or forgotten, so that what is not here is nowhere.
    """

    def __init__(self, folder: Path, bounds: KeptBounds) -> None:
        self.is_whole = True
        self._bounds = bounds
        self._folder = folder
        self._read_to: dict[Path, int] = {}
        # Two generations: when the newer is full it becomes the older, which is forgotten whole.
        # A place is one integer (a row of _paths, then the offset): a tuple takes twice the memory.
        self._paths: list[Path] = []
        self._rows: dict[Path, int] = {}
        self._newer: dict[int, int] = {}
        self._older: dict[int, int] = {}

    def place_of(self, start: bytes) -> tuple[Path, int] | None:
        """The file and offset where the line that begins so should be."""
        key = key_of(start)
        place = self._newer.get(key, self._older.get(key))
        if place is None:
            return None
        return self._paths[place >> OFFSET_BITS], place & ((1 << OFFSET_BITS) - 1)

    def catch_up(self) -> None:
        """Take in the lines that were added to any file since the last time. Raises OSError."""
        if not self._read_to:
            self._start()
        logs = logs_in(self._folder)
        for path in logs:
            self._read_growth(path)
        for path in self._read_to.keys() - set(logs):
            del self._read_to[path]

    def _start(self) -> None:
        """Leave out what lies further back than the bound on the first reading."""
        room_bytes = self._bounds.first_read_bytes
        for path in reversed(logs_in(self._folder)):
            size = size_of(path)
            start = max(0, size - room_bytes)
            room_bytes -= size - start
            self._read_to[path] = start
            self.is_whole = self.is_whole and start == 0

    def _read_growth(self, path: Path) -> None:
        begun = self._read_to.setdefault(path, 0)
        if size_of(path) <= begun:
            return
        row = self._row_of(path)
        for offset, line in lines_from(path, begun):
            self._take_in(key_of(line), row << OFFSET_BITS | offset)
            self._read_to[path] = offset + len(line)

    def _row_of(self, path: Path) -> int:
        if path not in self._rows:
            self._rows[path] = len(self._paths)
            self._paths.append(path)
        return self._rows[path]

    def _take_in(self, key: int, place: int) -> None:
        if len(self._newer) >= self._bounds.ids_max // 2:
            self.is_whole = self.is_whole and not self._older
            self._older, self._newer = self._newer, {}
        self._newer[key] = place
