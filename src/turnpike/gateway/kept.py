"""Which provider keeps a response, and for whom: known to every worker, also after a `kill -9`.

A caller of OpenAI's Responses API comes back with a response's id: to fetch, cancel or delete it, or
to go on from it, on any worker. Each worker appends a line for each response to a file of its own;
every worker reads them all. Memory holds only where the newest lines are, not what they say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec

from turnpike.domain.principal import Principal
from turnpike.ports.clock import Clock

RETENTION_DAYS: Final = 30
"""As long as OpenAI keeps responses."""
LINE_BYTES_MAX: Final = 4096
CHUNK_BYTES: Final = 1024 * 1024
OFFSET_BITS: Final = 40

_NANOS_PER_SECOND: Final = 10**9
_NAME_PARTS: Final = 3
_LEVELS: Final = ("user", "project", "team")


class IndexBounds(msgspec.Struct, frozen=True):
    """What one worker holds in memory; what is older is searched for in the files.

    ids_max: ids whose place is at hand, at about 150 bytes each.
    first_read_bytes: how much of the newest lines is read at the first question.
    """

    ids_max: int = 200_000
    first_read_bytes: int = 64 * 1024 * 1024


BOUNDS: Final = IndexBounds()


class Kept(msgspec.Struct, frozen=True):
    """A response that a provider keeps: the provider, its name for the model, and who had it made."""

    provider: str
    model: str
    principal: Principal
    at_ns: int


class _Line(msgspec.Struct, frozen=True, array_like=True):
    response_id: str
    kept: Kept


_START: Final = re.compile(rb'\["(?:[^"\\]|\\.)*",')
"""A line up to the end of the id, which JSON writes in one way only."""
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Line)


def may_touch(kept: Kept, principal: Principal) -> bool:
    """Whether a caller may fetch, continue, cancel or delete a kept response.

    Keys of one owner share: of user, project and team, at least one must be known of both, and none
    may differ. Where no level is known of both, it must be the same key in the same place.
    """
    owner = kept.principal
    if owner.organisation != principal.organisation:
        return False
    levels = [(getattr(owner, level), getattr(principal, level)) for level in _LEVELS]
    common = [(left, right) for left, right in levels if left is not None and right is not None]
    if not common:
        same_place = owner.team == principal.team and owner.project == principal.project
        return same_place and owner.key is not None and owner.key == principal.key
    return all(left == right for left, right in common)


class KeptResponses:
    """The kept responses of all workers that share `folder`.

    `remember` is one short write, for one thread. `find` reads files and blocks: call it off the
    event loop, from any thread. Raises OSError where the folder cannot be made or read.
    """

    def __init__(self, folder: Path, slot: int, clock: Clock, bounds: IndexBounds = BOUNDS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._log = _Log(folder, slot)
        self._folder = folder
        self._index = _Index(folder, bounds)
        self._index_lock = Lock()
        self._search_lock = Lock()
        self._log.open_day(_day_of(clock.now_ns()))

    def remember(self, response_id: str, provider: str, model: str, principal: Principal) -> None:
        """Note who keeps a response; it is with the operating system when this returns.

        Raises ValueError where no line can hold the id, OSError where the line could not be written:
        nobody can find the response through Turnpike then.
        """
        now_ns = self._clock.now_ns()
        line = _encoder.encode(_Line(response_id, Kept(provider, model, principal, now_ns)))
        if len(line) >= LINE_BYTES_MAX:
            raise ValueError(f"a line of {len(line)} bytes; {LINE_BYTES_MAX - 1} is the most")
        self._log.open_day(_day_of(now_ns))
        self._log.append(line)

    def find(self, response_id: str) -> Kept | None:
        """What is known of a response; None where no worker noted it in the last 30 days."""
        start = _start_of_line(response_id)
        if len(start) >= LINE_BYTES_MAX:
            return None
        with self._index_lock:
            place = self._index.place_of(start)
            if place is None:
                self._index.catch_up()
                place = self._index.place_of(start)
            is_whole = self._index.is_whole
        found = _read_at(place, response_id) if place else None
        if found is not None or is_whole:
            return found
        # One search of the files at a time: they may be large, and ids may be made up.
        with self._search_lock:
            return _search(self._folder, start, response_id)

    def close(self) -> None:
        """Write no more."""
        self._log.close()


class _Log:
    """The file that this worker appends to: a new one each day, old ones deleted with it."""

    def __init__(self, folder: Path, slot: int) -> None:
        self._folder = folder
        self._slot = slot
        self._day: date | None = None
        self._descriptor: int | None = None
        self._is_torn = False

    def open_day(self, day: date) -> None:
        """Append to this day's file from now on."""
        if day == self._day:
            return
        self.close()
        path = self._folder / f"{self._slot}.{day.isoformat()}.log"
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        size = os.fstat(self._descriptor).st_size
        self._is_torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
        self._day = day
        _delete_before(self._folder, day - timedelta(days=RETENTION_DAYS))

    def append(self, line: bytes) -> None:
        """One write, so that lines of two processes never mix; a torn line before it is closed first."""
        if self._descriptor is None:
            raise ValueError("the index of kept responses is closed")
        text = b"\n" + line + b"\n" if self._is_torn else line + b"\n"
        self._is_torn = True
        written = os.write(self._descriptor, text)
        if written != len(text):
            raise OSError(f"{self._folder}: {written} of {len(text)} bytes written; is the disk full?")
        self._is_torn = False

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class _Index:
    """Where the newest lines are: a digest of each line's start, to file and offset."""

    def __init__(self, folder: Path, bounds: IndexBounds) -> None:
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
        key = _key_of(start)
        place = self._newer.get(key, self._older.get(key))
        if place is None:
            return None
        return self._paths[place >> OFFSET_BITS], place & ((1 << OFFSET_BITS) - 1)

    def catch_up(self) -> None:
        """Take in the lines that were added to any file since the last time."""
        if not self._read_to:
            self._start()
        logs = _logs(self._folder)
        for path in logs:
            self._read_growth(path)
        for path in self._read_to.keys() - set(logs):
            del self._read_to[path]

    def _start(self) -> None:
        """Leave out what lies further back than the bound on the first reading."""
        room_bytes = self._bounds.first_read_bytes
        for path in reversed(_logs(self._folder)):
            size = _size_of(path)
            start = max(0, size - room_bytes)
            room_bytes -= size - start
            self._read_to[path] = start
            self.is_whole = self.is_whole and start == 0

    def _read_growth(self, path: Path) -> None:
        begun = self._read_to.setdefault(path, 0)
        if _size_of(path) <= begun:
            return
        row = self._row_of(path)
        for offset, line in _lines(path, begun):
            self._take_in(_key_of(line), row << OFFSET_BITS | offset)
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


def _lines(path: Path, offset: int) -> Iterator[tuple[int, bytes]]:
    """Whole lines from an offset on, each with its own offset; an end without a line break is left.

    What no `remember` wrote (a power cut may leave a run of zeros) comes in pieces of a line's limit.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            while line := file.readline(LINE_BYTES_MAX):
                if not line.endswith(b"\n") and len(line) < LINE_BYTES_MAX:
                    return
                yield offset, line
                offset += len(line)
    except FileNotFoundError:
        return  # too old, and deleted by another worker


def _read_at(place: tuple[Path, int], response_id: str) -> Kept | None:
    path, offset = place
    for _, line in _lines(path, offset):
        return _understand(line, response_id)
    return None


def _search(folder: Path, start: bytes, response_id: str) -> Kept | None:
    """Look through all files, the newest first."""
    for path in reversed(_logs(folder)):
        for offset in _offsets_of(path, start):
            found = _read_at((path, offset), response_id)
            if found is not None:
                return found
    return None


def _offsets_of(path: Path, start: bytes) -> Iterator[int]:
    """Where lines begin with `start`."""
    try:
        with path.open("rb") as file:
            before, offset = b"\n", -1
            while chunk := file.read(CHUNK_BYTES):
                data = before + chunk
                at = data.find(b"\n" + start)
                while at >= 0:
                    yield offset + at + 1
                    at = data.find(b"\n" + start, at + 1)
                before = data[-len(start) :]
                offset += len(data) - len(before)
    except FileNotFoundError:
        return


def _understand(line: bytes, response_id: str) -> Kept | None:
    """The line's content; None where it is torn or speaks of another response."""
    try:
        read = _decoder.decode(line)
    except msgspec.DecodeError:
        return None
    return read.kept if read.response_id == response_id else None


def _start_of_line(response_id: str) -> bytes:
    return b"[" + _encoder.encode(response_id.encode("utf-8", "replace").decode()) + b","


def _key_of(line: bytes) -> int:
    """Equal for a line and its start; whoever finds a place by it reads there whether it is right."""
    match = _START.match(line)
    return hash(match[0] if match else line)


def _logs(folder: Path) -> list[Path]:
    """The files, oldest day first."""
    dated = [(name, path) for path in folder.glob("*.log") if (name := _day_in(path)) is not None]
    return [path for _, path in sorted(dated)]


def _delete_before(folder: Path, day: date) -> None:
    for path in folder.glob("*.log"):
        written = _day_in(path)
        if written is not None and written < day:
            path.unlink(missing_ok=True)


def _day_in(path: Path) -> date | None:
    """The day in a file's name, `SLOT.DAY.log`; None where it is no file of ours."""
    parts = path.name.split(".")
    if len(parts) != _NAME_PARTS:
        return None
    try:
        return date.fromisoformat(parts[1])
    except ValueError:
        return None


def _day_of(now_ns: int) -> date:
    return datetime.fromtimestamp(now_ns // _NANOS_PER_SECOND, UTC).date()


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
