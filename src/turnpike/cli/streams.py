"""Standard output and standard error: nothing that comes from outside steers the terminal, nothing is lost unsaid."""

from __future__ import annotations

import io
import os
import re
import select
import sys
from typing import Final, TextIO

CLOSED: Final = "it is closed"
NO_READER: Final = "nobody reads it"

_STEERING: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, those that turn the direction of what follows, and bytes that were no text."""


class Unwritable(Exception):
    """Standard output does not take what is to be shown; the message says why."""


def put(text: str) -> None:
    """Write to standard output, all of it. Raises Unwritable; then nothing more is written there."""
    if sys.stdout is None:
        raise Unwritable(CLOSED)
    try:
        _write(sys.stdout, text)
    except BrokenPipeError:
        _abandon(sys.stdout)
        raise Unwritable(NO_READER) from None
    except OSError as fault:
        _abandon(sys.stdout)
        raise Unwritable(fault.strerror or str(fault)) from None


def note(line: str) -> None:
    """A line on standard error; where that takes none, what the command does and its status stay the same."""
    if sys.stderr is None:
        return
    try:
        _write(sys.stderr, shown(line) + "\n")
    except OSError:
        _abandon(sys.stderr)


def check_writable() -> None:
    """Raises Unwritable where standard output can be seen to take nothing, before anything is done."""
    if sys.stdout is None:
        raise Unwritable(CLOSED)
    try:
        descriptor = sys.stdout.fileno()
        os.write(descriptor, b"")  # A device that is full says so already.
    except io.UnsupportedOperation:
        return
    except OSError as fault:
        raise Unwritable(fault.strerror or str(fault)) from None
    look = select.poll()
    look.register(descriptor, 0)
    if any(event & select.POLLERR for _, event in look.poll(0)):
        raise Unwritable(NO_READER)


def shown(text: str) -> str:
    """The text with every character that would steer a terminal written out; line breaks and tabs stay."""
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def _abandon(stream: TextIO) -> None:
    """What was not written is dropped: Python would try again at its end, and complain."""
    try:
        descriptor = stream.fileno()
    except (io.UnsupportedOperation, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
