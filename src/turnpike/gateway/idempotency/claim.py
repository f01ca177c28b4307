"""A claim on a key: a file that its claimer holds, and the ways to end it.

One rule keeps two workers from the same key: whoever changes what a name stands for holds the file
that it stood for, and has seen that the name still stands for it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from turnpike.gateway.metrics.held import hold

FILE_MODE: Final = 0o600
FRESH_SUFFIX: Final = ".new"
SHARE_BYTES: Final = 8
"""What every file begins with: whose share of the folder it counts to, so that a look needs not open what is sealed."""


class Claim:
    """Held until `free`, `keep` or `leave`; the kernel lets go of it with the process.

    Raises nothing by itself; its methods block, and raise OSError where the disk refuses.
    """

    __slots__ = ("_descriptor", "_fresh", "made_ns", "path", "share", "size_bytes")

    def __init__(
        self, path: Path, fresh: Path, descriptor: int, made_ns: int, share: bytes, size_bytes: int
    ) -> None:
        self.path = path
        self.made_ns = made_ns
        self.share = share
        self.size_bytes = size_bytes
        self._fresh = fresh
        self._descriptor = descriptor

    def free(self) -> None:
        """Nothing was executed: the key is as it was before."""
        try:
            if is_at(self.path, self._descriptor):
                self.path.unlink()
        finally:
            os.close(self._descriptor)

    def keep(self, content: bytes) -> None:
        """Put what came of the call in the claim's place, whole; it begins with the claim's share."""
        try:
            write_file(self._fresh, content, self.made_ns)
            if is_at(self.path, self._descriptor):
                self._fresh.replace(self.path)
        finally:
            os.close(self._descriptor)
            with suppress(OSError):
                self._fresh.unlink(missing_ok=True)

    def leave(self) -> None:
        """What came of the call is not known: the claim stays, held by nobody."""
        os.close(self._descriptor)


def make_claim(path: Path, fresh: Path, content: bytes, now_ns: int) -> Claim | None:
    """A claim on `path` by way of the unused name `fresh`; None where the path is there already.

    The content begins with the share that it counts to.

    Nobody ever sees the file unheld or half written: it gets its name when it is both.
    """
    descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    is_made = False
    try:
        hold(descriptor)
        _fill(descriptor, content, now_ns)
        path.hardlink_to(fresh)
        is_made = True
    except FileExistsError:
        return None
    finally:
        if not is_made:
            os.close(descriptor)
        with suppress(OSError):
            fresh.unlink()
    return Claim(path, fresh, descriptor, now_ns, content[:SHARE_BYTES], len(content))


def take_away(path: Path, descriptor: int) -> bool:
    """Remove a file that is open here, unless somebody holds it: then False."""
    if not hold(descriptor):
        return False
    if is_at(path, descriptor):
        path.unlink()
    return True


def is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file still has this name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def write_file(path: Path, content: bytes, at_ns: int) -> None:
    """A new file, dated `at_ns`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        _fill(descriptor, content, at_ns)
    finally:
        os.close(descriptor)


def _fill(descriptor: int, content: bytes, at_ns: int) -> None:
    with os.fdopen(descriptor, "wb", closefd=False) as file:
        file.write(content)
    os.utime(descriptor, ns=(at_ns, at_ns))
