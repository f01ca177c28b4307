"""What commands print: lines and tables for people, JSON and documents for programs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from turnpike.cli.failure import Failure
from turnpike.cli.streams import NO_READER, Unwritable, check_writable, put, shown

_BEYOND_JSON: Final = re.compile("[\x7f-\x9f]")
"""Control characters that JSON lets stand as they are."""


def say(text: str) -> None:
    """A line, or lines, for people."""
    write_text(shown(text) + "\n")


def write_json(value: object) -> None:
    """One JSON document."""
    write_text(json_text(value) + "\n")


def write_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as their widest cell; the last one runs free."""
    cells = [[_cell(cell) for cell in row] for row in (titles, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(titles))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    write_text("".join(line.rstrip() + "\n" for line in lines))


def write_text(text: str) -> None:
    """The text as it is. Whoever stops reading (`| head`) has seen enough; raises Failure for every other reason."""
    try:
        put(text)
    except Unwritable as fault:
        if str(fault) != NO_READER:
            raise Failure(f"standard output cannot be written: {fault}") from None


def write_secret(text: str, done: str, mend: str) -> None:
    """What is shown once. Raises Failure where it could not be, which says what is `done` and how to `mend` it."""
    try:
        put(text + "\n")
    except Unwritable as fault:
        raise Failure(
            f"{done}, but its secret could not be written to standard output ({fault}): {mend}"
        ) from None


def expect_secret() -> None:
    """Before a secret is asked for that is shown once: raises Failure where it could not be shown."""
    try:
        check_writable()
    except Unwritable as fault:
        raise Failure(
            f"standard output cannot be written ({fault}), and a secret is to be shown there: nothing was changed"
        ) from None


def json_text(value: object) -> str:
    """The value as one JSON document in which no character steers a terminal."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return _BEYOND_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _cell(text: str) -> str:
    return shown(text).replace("\n", "\\n").replace("\t", "\\t")
