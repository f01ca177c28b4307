"""What is wrong with a document, where, and what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

SHOWN_CHARACTERS = 60
"""Of what was found, a fault shows no more than this."""

_PLAIN_STEP = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")

Step = str | int
Path = tuple[Step, ...]
"""The way from the document's root to a value: field names and positions in lists."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where a value stands in a text; both count from 1. Line 0 means that it stands in no text."""

    line: int
    column: int


NOWHERE = Place(0, 0)


class Fault(msgspec.Struct, frozen=True, gc=False):
    """One thing that is wrong; `message` says what was found and what is allowed."""

    file: str
    line: int
    column: int
    path: str
    message: str

    def __str__(self) -> str:
        """One line as compilers print it: `file:line:column: path: message`."""
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


def fault_at(file: str, place: Place, path: Path, message: str) -> Fault:
    """The fault of the value at `place`."""
    return Fault(file, place.line, place.column, path_text(path), message)


def in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Each fault once, as a reader of the file meets them."""
    return tuple(sorted(set(faults), key=lambda f: (f.file, f.line, f.column, f.path, f.message)))


def path_text(path: Path) -> str:
    """The path as people write it: `models[2].targets[0].provider`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif len(step) <= SHOWN_CHARACTERS and _PLAIN_STEP.match(step):
            text += f".{step}" if text else step
        else:
            text += f"[{shown(step)}]"
    return text


def shown(text: str) -> str:
    """A text that was found, quoted, on one line and not too long."""
    cut = text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
    return msgspec.json.encode(cut.encode("utf-8", "replace").decode()).decode()
