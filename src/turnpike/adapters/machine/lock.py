"""One process at a time for a home folder, held by the kernel for as long as that process lives."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


class HomeInUse(Exception):
    """Another process holds the home; `pid` is None where it did not say which."""

    def __init__(self, home: Path, pid: int | None) -> None:
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"{home} is in use by {who}: stop that Turnpike first, or give this one another home (--home)"
        )
        self.pid = pid


class HomeLock:
    """Held from its making until `release` or the end of the process. Raises HomeInUse, OSError."""

    def __init__(self, home: Path) -> None:
        self._descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _pid_in(self._descriptor)
            os.close(self._descriptor)
            raise HomeInUse(home, pid) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the home free."""
        os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


def holder_of(home: Path) -> int | None:
    """The process that holds the home now; None where nobody does."""
    try:
        descriptor = os.open(home / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid_in(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _pid_in(descriptor: int) -> int | None:
    text = os.pread(descriptor, 20, 0).strip()
    return int(text) if text.isdigit() else None
