"""Files that people name: what is read is a regular one, and not larger than it may be; what is written is whole."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

PEM_MAX_BYTES: Final = 4 * 1024 * 1024
"""Some twenty times what a system's whole bundle of authorities weighs."""
_NAME_KEPT: Final = 64
"""Of a file's name, in that of the one that is written beside it: a name has 255 bytes at most."""


def read_named_file(path: Path | str, max_bytes: int) -> bytes:
    """What the file at `path` holds.

    Raises OSError with `filename` and `strerror`: also where it is no regular file, or over `max_bytes`.
    """
    # Looked at before it is opened, since opening some devices does something, and after, since it may have changed.
    _check(os.stat(path), path, max_bytes)  # noqa: PTH116 (one call for both kinds of path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        _check(os.fstat(descriptor), path, max_bytes)
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise _too_large(path, max_bytes)
    return data


def replace_file(path: Path, data: bytes) -> None:
    """Make the file at `path` hold `data`; where that fails it holds what it did before. Raises OSError.

    A pipe or a device is written to as it is.
    """
    file = path.resolve()
    if file.exists() and not file.is_file():
        file.write_bytes(data)
        return
    beside = file.with_name(f".{file.name[:_NAME_KEPT]}.{os.getpid()}.part")
    try:
        with beside.open("xb") as written:
            if file.exists():
                os.fchmod(written.fileno(), stat.S_IMODE(file.stat().st_mode))
            written.write(data)
            written.flush()
            os.fsync(written.fileno())
        beside.replace(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _check(found: os.stat_result, path: Path | str, max_bytes: int) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "a folder, where a file is wanted", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    if found.st_size > max_bytes:
        raise _too_large(path, max_bytes)


def _too_large(path: Path | str, max_bytes: int) -> OSError:
    return OSError(errno.EFBIG, f"larger than {max_bytes} bytes", str(path))
