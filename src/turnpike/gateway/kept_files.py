"""The files that say which provider keeps a response: written by each worker, read by all.

Each worker appends a line for each response, and for each item of its output, to a file of its own.
Memory holds only where the newest lines are, not what they say.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Collection, Iterator, Set
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Event, Lock
from typing import Final

import msgspec

from turnpike.domain.principal import Principal
from turnpike.ports.clock import SECOND_NS, Clock

RETENTION_DAYS: Final = 30
"""As long as OpenAI keeps responses."""
LINE_BYTES_MAX: Final = 4096
CHUNK_BYTES: Final = 256 * 1024
"""Read at a time by a search, which lets other threads on in between."""
OFFSET_BITS: Final = 40

_NAME_PARTS: Final = 3


class IndexBounds(msgspec.Struct, frozen=True):
    """What one worker holds in memory; what is older is searched for in the files.

    ids_max: ids whose place is at hand, at about 150 bytes each.
    first_read_bytes: how much of the newest lines is read at the first question.
    looks_max: questions that wait at once for the newest lines.
    searches_max: searches of all files, under way and waiting: each may read gigabytes, for made-up ids.
    look_seconds, search_seconds: how long a caller waits for either.
    """

    ids_max: int = 200_000
    first_read_bytes: int = 64 * 1024 * 1024
    looks_max: int = 1024
    searches_max: int = 64
    look_seconds: float = 5.0
    search_seconds: float = 60.0


BOUNDS: Final = IndexBounds()


class Kept(msgspec.Struct, frozen=True):
    """A response that a provider keeps, or an item of one, and who had it made.

    model: the provider's name for it. asked: the name that the caller asked for.
    """

    provider: str
    model: str
    asked: str
    principal: Principal
    at_ns: int


class _Line(msgspec.Struct, frozen=True, array_like=True):
    name: str
    kept: Kept


_START: Final = re.compile(rb'^\["(?:[^"\\\n]|\\.)*",', re.MULTILINE)
"""A line up to the end of the id, which JSON writes in one way only."""
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Line)


class KeptFiles:
    """The kept responses of all workers that share `folder`, by the ids of responses and of items.

    `remember` is one short write, for one thread. `look_up` and `search` read files and block: call them
    off the event loop, from any thread. Raises OSError where the folder cannot be made or read.
    """

    def __init__(self, folder: Path, slot: int, clock: Clock, bounds: IndexBounds = BOUNDS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._log = _Log(folder, slot)
        self._folder = folder
        self._index = _Index(folder, bounds)
        self._index_lock = Lock()
        self._closing = Event()
        self._log.open_day(_day_of(clock.now_ns()))

    def remember(self, ids: Collection[str], kept: Kept) -> None:
        """Note who keeps what has these ids; it is with the operating system when this returns.

        Raises ValueError where no line can hold an id, OSError where the lines could not be written:
        nobody can find the response through Turnpike then.
        """
        lines = [_encoder.encode(_Line(name, kept)) for name in ids]
        longest = max(map(len, lines), default=0)
        if longest >= LINE_BYTES_MAX:
            raise ValueError(f"a line of {longest} bytes; {LINE_BYTES_MAX - 1} is the most")
        self._log.open_day(_day_of(self._clock.now_ns()))
        if lines:
            self._log.append(b"\n".join(lines))

    def look_up(self, ids: Collection[str]) -> tuple[dict[str, Kept], bool]:
        """What the newest lines say of these ids, and whether there are no others to be searched.

        Raises OSError where the files cannot be read, and where they are gone: what they said is not known then.
        """
        self._log.check()
        starts = {name: start for name in ids if len(start := _start_of_line(name)) < LINE_BYTES_MAX}
        with self._index_lock:
            if any(self._index.place_of(start) is None for start in starts.values()):
                self._index.catch_up()
            places = {name: self._index.place_of(start) for name, start in starts.items()}
            is_whole = self._index.is_whole
        found = {name: kept for name, place in places.items() if place and (kept := _read_at(place, name))}
        return found, is_whole or len(found) == len(ids)

    def search(self, ids: Collection[str]) -> dict[str, Kept]:
        """What any line of the last 30 days says of these ids, the newest files first; ends early at `close`.

        Raises OSError as `look_up` does.
        """
        self._log.check()
        wanted = {start: name for name in ids if len(start := _start_of_line(name)) < LINE_BYTES_MAX}
        found: dict[str, Kept] = {}
        for path in reversed(_logs(self._folder)):
            for offset, start in _places_of(path, wanted.keys(), self._closing):
                kept = _read_at((path, offset), wanted[start])
                if kept is not None:
                    found.setdefault(wanted[start], kept)
            if len(found) == len(wanted):
                break
        return found

    def close(self) -> None:
        """Write no more, and search no further."""
        self._closing.set()
        self._log.close()


class _Log:
    """The file that this worker appends to: a new one each day, old ones deleted with it."""

    def __init__(self, folder: Path, slot: int) -> None:
        self._folder = folder
        self._slot = slot
        self._day: date | None = None
        self._descriptor: int | None = None
        self._place: tuple[Path, os.stat_result] | None = None
        self._is_torn = False

    def open_day(self, day: date) -> None:
        """Append to this day's file from now on."""
        if day == self._day:
            return
        self.close()
        path = self._folder / f"{self._slot}.{day.isoformat()}.log"
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        opened = os.fstat(self._descriptor)
        size = opened.st_size
        self._place = path, opened
        self._is_torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
        self._day = day
        _delete_before(self._folder, day - timedelta(days=RETENTION_DAYS))

    def append(self, line: bytes) -> None:
        """One write, so that lines of two processes never mix; a torn line before it is closed first."""
        if self._descriptor is None:
            raise ValueError("the index of kept responses is closed")
        self.check()
        text = b"\n" + line + b"\n" if self._is_torn else line + b"\n"
        self._is_torn = True
        written = os.write(self._descriptor, text)
        if written != len(text):
            raise OSError(f"{self._folder}: {written} of {len(text)} bytes written; is the disk full?")
        self._is_torn = False

    def check(self) -> None:
        """Raise FileNotFoundError where the file was removed or replaced; in any thread."""
        if self._place is None:
            return
        path, opened = self._place
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), opened):
                return
        reason = "removed while a worker appends to it; what is kept is known again when it has started anew"
        raise FileNotFoundError(errno.ENOENT, reason, str(path))

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


def _read_at(place: tuple[Path, int], name: str) -> Kept | None:
    path, offset = place
    for _, line in _lines(path, offset):
        return _understand(line, name)
    return None


def _places_of(path: Path, wanted: Set[bytes], closing: Event) -> Iterator[tuple[int, bytes]]:
    """Where lines begin with one of `wanted`, and with which."""
    try:
        with path.open("rb") as file:
            begun, offset = b"", 0
            while (chunk := file.read(CHUNK_BYTES)) and not closing.is_set():
                data = begun + chunk
                end = data.rfind(b"\n") + 1
                for start in wanted & set(_START.findall(data, 0, end)):
                    yield offset + (0 if data.startswith(start) else data.find(b"\n" + start) + 1), start
                offset += end
                begun = data[end:]
                if len(begun) > LINE_BYTES_MAX:  # no line of ours: a power cut may leave a run of zeros
                    begun, offset = b"", offset + len(begun)
    except FileNotFoundError:
        return


def _understand(line: bytes, name: str) -> Kept | None:
    """The line's content; None where it is torn or speaks of something else."""
    try:
        read = _decoder.decode(line)
    except msgspec.DecodeError:
        return None
    return read.kept if read.name == name else None


def _start_of_line(name: str) -> bytes:
    return b"[" + _encoder.encode(name.encode("utf-8", "replace").decode()) + b","


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
    return datetime.fromtimestamp(now_ns // SECOND_NS, UTC).date()


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
