"""JSON to a tree, with places; strict (RFC 8259), within the same limits as YAML."""

from __future__ import annotations

import re

import msgspec

from turnpike.control.document.fault import Fault, Path, fault_at, shown
from turnpike.control.document.lines import Lines
from turnpike.control.document.tree import MAX_DEPTH, MAX_NODES, Entry, Mapping, Node, Scalar, Sequence

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORD = re.compile(r"[-+.A-Za-z0-9_]+")


class _Stop(Exception):
    """What follows is not JSON; the fault says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def parse_json(text: str, file: str) -> tuple[Node | None, tuple[Fault, ...]]:
    """The tree of the document, None where it could not be read to its end, and what was wrong."""
    scanner = _Scanner(text, file)
    try:
        root = scanner.value((), 0)
        scanner.finish()
    except _Stop as stop:
        return None, (*scanner.faults, stop.fault)
    return root, tuple(scanner.faults)


class _Scanner:
    """Reads one text from its beginning; `at` is the offset of what comes next."""

    def __init__(self, text: str, file: str) -> None:
        self.faults: list[Fault] = []
        self._text = text
        self._file = file
        self._lines = Lines(text)
        self._at = 0
        self._nodes = 0
        self.place = self._lines.place

    def value(self, path: Path, depth: int) -> Node:
        self._skip()
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._stop(path, f"the document holds more than {MAX_NODES} values")
        if depth > MAX_DEPTH:
            raise self._stop(path, f"lists and mappings stand more than {MAX_DEPTH} deep in one another")
        place = self.place(self._at)
        match self._text[self._at : self._at + 1]:
            case "{":
                return self._mapping(path, depth)
            case "[":
                return self._sequence(path, depth)
            case '"':
                return Scalar(self._string(path), place)
            case _:
                return Scalar(self._word(path), place)

    def finish(self) -> None:
        self._skip()
        if self._at < len(self._text):
            raise self._stop((), "not JSON: something follows the document's end")

    def _mapping(self, path: Path, depth: int) -> Node:
        place = self.place(self._at)
        entries: dict[str, Entry] = {}
        self._at += 1
        while not self._closes("}", path, first=not entries):
            self._skip()
            key_place = self.place(self._at)
            if self._text[self._at : self._at + 1] != '"':
                raise self._stop(path, "not JSON: a field's name in double quotes must stand here")
            key = self._string(path)
            self._expect(":", path)
            entry = Entry(key, key_place, self.value((*path, key), depth + 1))
            if key in entries:
                first = entries[key].place.line
                said = f"the field {shown(key)} stands here a second time; the first is in line {first}"
                self.faults.append(fault_at(self._file, key_place, (*path, key), said))
            entries.setdefault(key, entry)
        return Mapping(tuple(entries.values()), place)

    def _sequence(self, path: Path, depth: int) -> Node:
        place = self.place(self._at)
        items: list[Node] = []
        self._at += 1
        while not self._closes("]", path, first=not items):
            items.append(self.value((*path, len(items)), depth + 1))
        return Sequence(tuple(items), place)

    def _closes(self, bracket: str, path: Path, *, first: bool) -> bool:
        """Whether the bracket stands here; else, past the first item, a comma must."""
        self._skip()
        if self._text[self._at : self._at + 1] == bracket:
            self._at += 1
            return True
        if not first:
            self._expect(",", path)
        return False

    def _expect(self, sign: str, path: Path) -> None:
        self._skip()
        if self._text[self._at : self._at + 1] != sign:
            raise self._stop(path, f"not JSON: {shown(sign)} must stand here")
        self._at += 1

    def _string(self, path: Path) -> str:
        found = _STRING.match(self._text, self._at)
        if found is None:
            raise self._stop(path, "not JSON: a text that does not end, or holds a line break")
        try:
            value = msgspec.json.decode(found.group(), type=str)
        except (msgspec.DecodeError, UnicodeEncodeError) as error:
            raise self._stop(path, "not JSON: a text with a bad escape") from error
        self._at = found.end()
        return value

    def _word(self, path: Path) -> str | int | float | bool | None:
        found = _WORD.match(self._text, self._at)
        if found is None:
            raise self._stop(path, "not JSON: a value must stand here")
        try:
            value: str | int | float | bool | None = msgspec.json.decode(found.group())
        except msgspec.DecodeError as error:
            raise self._stop(path, "not JSON: a value must stand here (texts in double quotes)") from error
        self._at = found.end()
        return value

    def _skip(self) -> None:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at

    def _stop(self, path: Path, message: str) -> _Stop:
        return _Stop(fault_at(self._file, self.place(self._at), path, message))
