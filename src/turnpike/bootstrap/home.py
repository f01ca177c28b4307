"""The home folder and the master key in it, made where they are not there yet."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path
from typing import Final

from turnpike.adapters.sealing.master_key import ensure_master_key, parse_master_key, read_master_key
from turnpike.adapters.sealing.seal import MasterKeySeal
from turnpike.adapters.system.randomness import SystemRandomness
from turnpike.bootstrap.fault import CannotStart
from turnpike.ports.sealing import Seal
from turnpike.settings import Settings

STORE_NAME: Final = "turnpike.db"
MASTER_KEY_NAME: Final = "master.key"
SNAPSHOT_NAME: Final = "snapshot/current"
"""The last good snapshot, which a gateway starts from without control."""

_FOLDERS: Final = ("run", "snapshot")
_ROOM: Final = "free some room on its disk, or move the home to a larger one (--home)"
_MENDS: Final = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EROFS: "mount its file system for writing, or name another folder with --home",
    errno.EINVAL: "name another file",
}


def prepare_home(home: Path) -> None:
    """Make the home and its folders, for this user only, and see that it can be written. Raises CannotStart."""
    make_home(home)
    try:
        with tempfile.TemporaryFile(dir=home) as file:
            file.write(b"turnpike")
    except OSError as fault:
        raise _cannot_be_made(home, fault) from None


def make_home(home: Path) -> None:
    """Make the home and its folders, for this user only. Raises CannotStart.

    For a gateway, which serves on from what is there while the disk is full.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in _FOLDERS:
            (home / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as fault:
        raise _cannot_be_made(home, fault) from None


def _cannot_be_made(home: Path, fault: OSError) -> CannotStart:
    return CannotStart(f"the home folder {home} cannot be made or written ({fault.strerror}): {_mend(fault)}")


def told_of_file(fault: OSError) -> str:
    """What is wrong with a file that Turnpike keeps, with what to do about it."""
    return f"{fault.filename}: {fault.strerror}: {_mend(fault)}"


def _mend(fault: OSError) -> str:
    return _MENDS.get(
        fault.errno or 0, "give this user the right to write there, or name another folder with --home"
    )


def opened_seal(settings: Settings) -> Seal:
    """The seal under the master key, which is made in the home where none is given. Raises CannotStart."""
    try:
        return MasterKeySeal(_master_key(settings), SystemRandomness())
    except ValueError as fault:
        raise CannotStart(f"master key: {fault}") from None
    except OSError as fault:
        raise CannotStart(f"master key: {fault.filename}: {fault.strerror}") from None


def existing_seal(settings: Settings) -> Seal | None:
    """The seal where a master key is at hand; None where there is none. Raises CannotStart."""
    given = settings.master_key is not None or settings.master_key_file is not None
    if not given and not (settings.home / MASTER_KEY_NAME).exists():
        return None
    return opened_seal(settings)


def _master_key(settings: Settings) -> bytes:
    if settings.master_key is not None:
        return parse_master_key(settings.master_key)
    if settings.master_key_file is not None:
        return read_master_key(settings.master_key_file)
    return ensure_master_key(settings.home / MASTER_KEY_NAME, SystemRandomness())
