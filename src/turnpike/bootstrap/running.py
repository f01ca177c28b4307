"""What a running supervisor leaves in its home, so that commands on the same machine find it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from turnpike.adapters.machine.lock import holder_of

RUNNING_NAME: Final = "run/up.json"


class Running(msgspec.Struct, frozen=True):
    """A supervisor, and where its roles really listen."""

    pid: int
    version: str
    gateway_url: str
    control_url: str


def note_running(home: Path, running: Running) -> Path:
    """Leave the note; the file is the caller's to remove."""
    file = home / RUNNING_NAME
    file.write_bytes(msgspec.json.encode(running))
    return file


def running_at(home: Path) -> Running | None:
    """The supervisor that runs on the home now; None where there is none."""
    try:
        running = msgspec.json.decode((home / RUNNING_NAME).read_bytes(), type=Running)
    except (OSError, msgspec.MsgspecError):
        return None
    # A supervisor that was killed could not take its note away.
    return running if holder_of(home) == running.pid else None
