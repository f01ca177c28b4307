"""Files that one process holds: the kernel lets go for it however it ends.

Locks of open file descriptions (Linux, `F_OFD_SETLK`): unlike flock they can be asked about without
being taken, so that a reader is never in the way of a writer that starts.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from typing import Final

_LOCK: Final = struct.Struct("hhqqi4x")
"""The kernel's struct flock: type, whence, start, length, process."""
_WHOLE_FILE: Final = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)


def hold(descriptor: int) -> bool:
    """Hold the file until the descriptor is closed; False where another holds it."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _WHOLE_FILE)
    except OSError as fault:
        if fault.errno in (errno.EAGAIN, errno.EACCES):
            return False
        raise
    return True


def is_held(descriptor: int) -> bool:
    """Whether somebody holds the file that this descriptor has open."""
    found = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _WHOLE_FILE)
    return bool(_LOCK.unpack(found[: _LOCK.size])[0] != fcntl.F_UNLCK)
