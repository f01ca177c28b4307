"""The terminal of whoever started the process, and files that name the processes."""

from __future__ import annotations

import sys
from pathlib import Path


class StandardStreams:
    """Words go to standard output, complaints to standard error, process ids to `folder`/ROLE.pid."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def say(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def complain(self, text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def note_process(self, role: str, pid: int | None) -> None:
        file = self._folder / f"{role}.pid"
        if pid is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(f"{pid}\n")
