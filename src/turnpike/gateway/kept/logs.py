"""The logs in a folder: for each worker and day, a file that this worker alone appends to."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from turnpike.ports.clock import SECOND_NS

RETENTION_DAYS: Final = 30
"""As long as OpenAI keeps responses."""

_NAME_PARTS: Final = 3


class Log:
    """What one worker appends to: a new file each day, old ones of all workers deleted with it.

    Everything blocks. `append` and `close` are for one thread at a time; `check` is for any.
    """

    def __init__(self, folder: Path, slot: int) -> None:
        self._folder = folder
        self._slot = slot
        self._day: date | None = None
        self._descriptor: int | None = None
        self._place: tuple[Path, os.stat_result] | None = None
        self._is_torn = False
        self._is_closed = False

    def open_day(self, now_ns: int) -> None:
        """Append to this day's file from now on. Raises OSError."""
        day = datetime.fromtimestamp(now_ns // SECOND_NS, UTC).date()
        if day == self._day or self._is_closed:
            return
        self._let_go()
        path = self._folder / f"{self._slot}.{day.isoformat()}.log"
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        opened = os.fstat(self._descriptor)
        size = opened.st_size
        self._place = path, opened
        self._is_torn = size > 0 and os.pread(self._descriptor, 1, size - 1) != b"\n"
        self._day = day
        _delete_before(self._folder, day - timedelta(days=RETENTION_DAYS))

    def append(self, lines: bytes) -> None:
        """One write, so that lines of two processes never mix; a torn line before it is closed first.

        Raises OSError, ValueError after `close`.
        """
        if self._descriptor is None:
            raise ValueError("the index of kept responses is closed")
        self.check()
        text = b"\n" + lines + b"\n" if self._is_torn else lines + b"\n"
        self._is_torn = True
        written = os.write(self._descriptor, text)
        if written != len(text):
            raise OSError(f"{self._folder}: {written} of {len(text)} bytes written; is the disk full?")
        self._is_torn = False

    def check(self) -> None:
        """Raise FileNotFoundError where the file was removed or replaced."""
        if self._place is None:
            return
        path, opened = self._place
        with suppress(FileNotFoundError):
            if os.path.samestat(path.stat(), opened):
                return
        reason = "removed while a worker appends to it; what is kept is known again when it has started anew"
        raise FileNotFoundError(errno.ENOENT, reason, str(path))

    def close(self) -> None:
        """Append no more."""
        self._is_closed = True
        self._let_go()

    def _let_go(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)


def logs_in(folder: Path) -> list[Path]:
    """The files of all workers, oldest day first."""
    dated = [(day, path) for path in folder.glob("*.log") if (day := _day_in(path)) is not None]
    return [path for _, path in sorted(dated)]


def size_of(path: Path) -> int:
    """In bytes; 0 of a file that was deleted."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


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
