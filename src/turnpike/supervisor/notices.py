"""What a role tells its supervisor: JSON lines on the role's standard output."""

from __future__ import annotations

from typing import Protocol, TextIO

import msgspec

from turnpike.supervisor.pulse import beat
from turnpike.supervisor.terminal import Terminal

HOPELESS_STATUS = 78
"""A role's exit status (EX_CONFIG) where starting it again would end the same way."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The role serves; `address` is where it really listens."""

    address: str


class Said(msgspec.Struct, frozen=True, tag="said"):
    """Words for the person at the terminal, which belong to no log."""

    text: str


class ShownOnce(msgspec.Struct, frozen=True, tag="shown_once"):
    """Words for the person at the terminal that nobody can be told again, never for a log: a new key."""

    text: str


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Words for the person at the terminal: why the role cannot do what it was asked to."""

    text: str


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """The role's event loop turns."""


Notice = Ready | Said | ShownOnce | Failed

_decoder: msgspec.json.Decoder[Notice | Beat] = msgspec.json.Decoder(Notice | Beat)


class Announcer(Protocol):
    """Where a role says how it does."""

    def announce(self, notice: Notice) -> None:
        """Tell it at once."""

    def beat(self) -> None:
        """Let whoever watches know that the event loop turns; never waits."""


class ToSupervisor:
    """Announces on a pipe that a supervisor reads."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def announce(self, notice: Notice) -> None:
        self._stream.write(msgspec.json.encode(notice).decode() + "\n")
        self._stream.flush()

    def beat(self) -> None:
        beat(self._stream.fileno())


class ToTerminal:
    """Announces to a person who started the role alone."""

    def __init__(self, terminal: Terminal, role: str) -> None:
        self._terminal = terminal
        self._role = role

    def announce(self, notice: Notice) -> None:
        match notice:
            case Ready(address):
                self._terminal.say(f"{self._role} listens on http://{address}")
            case Said(text) | ShownOnce(text):
                self._terminal.say(text)
            case Failed(text):
                self._terminal.complain(text)

    def beat(self) -> None:
        """A person sees what a role does by what it does."""


def read_notice(line: bytes) -> Notice | Beat | None:
    """The notice or beat in a line; None where the line is something else that a role printed."""
    try:
        return _decoder.decode(line)
    except msgspec.MsgspecError:
        return None
