"""The terminal of whoever started the process, and files that name the processes."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import structlog

_log = structlog.get_logger()


class StandardStreams:
    """Words go to standard output, complaints to standard error, process ids to `folder`/ROLE.pid.

    What is said once is kept until `say_kept`, and from then on said at once.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: list[str] | None = []

    def say(self, text: str) -> None:
        _show(sys.stdout, text)

    def say_once(self, text: str) -> None:
        if self._kept is None:
            self.say(text)
        else:
            self._kept.append(text)

    def say_kept(self) -> None:
        """Say now what was kept: the start is over, or will never be."""
        kept, self._kept = self._kept, None
        for text in kept or ():
            self.say(text)

    def complain(self, text: str) -> None:
        _show(sys.stderr, text)

    def note_process(self, role: str, pid: int | None) -> None:
        file = self._folder / f"{role}.pid"
        try:
            if pid is None:
                file.unlink(missing_ok=True)
            else:
                file.write_text(f"{pid}\n")
        except OSError as fault:
            # A full disk must not end the roles that serve.
            _log.warning("process.not_noted", child=role, reason=fault.strerror)


def _show(stream: TextIO, text: str) -> None:
    """Show a line, unless whoever watched has left: that ends nothing here."""
    with suppress(BrokenPipeError):
        stream.write(text + "\n")
        stream.flush()
