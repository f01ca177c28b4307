"""YAML 1.2 to a tree, without recursion and within limits; built from the parser's events.

Scalars follow the core schema (YAML 1.2.2, 10.3). Tags of other types, merge keys and a second
document are faults: what is not understood is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from turnpike.control.document.fault import Fault, Path, Place, fault_at, shown
from turnpike.control.document.lines import Lines
from turnpike.control.document.tree import MAX_DEPTH, MAX_NODES, Entry, Mapping, Node, Scalar, Sequence

MAX_ALIASED_NODES = 20_000
"""Values that aliases may bring in; a document that grows more by repeating itself is refused."""

MAX_ALIASED_CHARACTERS = 1024 * 1024
"""Of texts and names, likewise: each stands in the plan, and in the answer that shows it."""

_STR_TAGS = ("!", "tag:yaml.org,2002:str")
_CORE_TAGS = ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map", *_STR_TAGS)
_TAGGED = "found a tag (`!…`); values carry no tags here, put a text that begins with `!` in quotes"
_TRUE = ("true", "True", "TRUE")
_FALSE = ("false", "False", "FALSE")
_NULL = ("", "~", "null", "Null", "NULL")
_YAML_1_1_WORDS = ("y", "n", "yes", "no", "on", "off")
_INT = re.compile(r"[-+]?[0-9]{1,300}\Z|0o[0-7]{1,300}\Z|0x[0-9a-fA-F]{1,300}\Z")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z|[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z"
)


_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")

_PLAIN_TEXT = re.compile(r"[A-Za-z_/][A-Za-z0-9_./@+-]*( [A-Za-z0-9_./@+-]+)*\Z")


class _Sized(msgspec.Struct, frozen=True, gc=False):
    """A node with how many nodes it holds, how deep they go, and of how many characters they are."""

    node: Node
    size: int
    depth: int
    characters: int


class _Stop(Exception):
    """What follows cannot be understood; the fault says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


def parse_yaml(text: str, file: str) -> tuple[Node | None, tuple[Fault, ...]]:
    """The tree of the document, None where it could not be read to its end, and what was wrong."""
    builder = _Builder(file)
    try:
        for event in _events(text):
            builder.take(event)
        return builder.root, tuple(builder.faults)
    except _Stop as stop:
        builder.faults.append(stop.fault)
    except MarkedYAMLError as error:
        builder.faults.append(_syntax_fault(error, file))
    except ReaderError as error:
        place = Lines(text).place(error.position)
        found = f"found the character #x{int(error.character):04x}, which YAML does not allow"
        builder.faults.append(fault_at(file, place, (), found))
    except (YAMLError, ValueError, OverflowError) as error:
        # ruamel.yaml lets chr() and int() speak for an escape or a directive that is out of range.
        builder.faults.append(fault_at(file, Place(1, 1), (), f"not YAML: {_one_line(str(error))}"))
    return None, tuple(builder.faults)


def is_plain_text(text: str) -> bool:
    """Whether the text may stand in YAML of any version without quotes."""
    if not _PLAIN_TEXT.match(text) or _core_value(text) != text:
        return False
    return text.lower() not in _YAML_1_1_WORDS


def _events(text: str) -> Iterator[Any]:
    return iter(YAML(typ="safe", pure=True).parse(text))


_OF_A_STAR = "while scanning an alias"
"""What the parser does where it meets a star without quotes, which begins an alias."""


def _syntax_fault(error: MarkedYAMLError, file: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
    said = ", ".join(part for part in (error.context, error.problem) if part)
    mend = '; a star stands in quotes: "*"' if error.context == _OF_A_STAR else ""
    return fault_at(file, place, (), f"not YAML: {_one_line(said)}{mend}")


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]


class _Open:
    """A list or mapping whose end has not come yet."""

    __slots__ = ("anchor", "characters", "depth", "entries", "items", "key", "names", "place", "size")

    def __init__(self, place: Place, anchor: str | None, is_mapping: bool) -> None:
        self.place = place
        self.anchor = anchor
        self.items: list[Node] = []
        self.entries: list[Entry] = []
        self.names: dict[str, Place] | None = {} if is_mapping else None
        self.key: tuple[str, Place] | None = None
        self.size = 1
        self.depth = 1
        self.characters = 0

    def step(self) -> str | int | None:
        """The path's step to the value that comes next."""
        if self.names is None:
            return len(self.items)
        return self.key[0] if self.key else None

    def closed(self) -> Node:
        if self.names is None:
            return Sequence(tuple(self.items), self.place)
        return Mapping(tuple(self.entries), self.place)


class _Builder:
    """Takes the events of one document and holds the tree that they make."""

    def __init__(self, file: str) -> None:
        self.root: Node = Scalar(None, Place(1, 1))
        self.faults: list[Fault] = []
        self._file = file
        self._documents = 0
        self._nodes = 0
        self._aliased = 0
        self._aliased_characters = 0
        self._open: list[_Open] = []
        self._anchors: dict[str, _Sized | None] = {}

    def take(self, event: Any) -> None:
        if isinstance(event, ScalarEvent):
            self._scalar(event)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._start(event)
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            self._end()
        elif isinstance(event, AliasEvent):
            self._alias(event)
        elif isinstance(event, DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise self._stop(_place(event), "a second document begins here; give one document per file")

    def _scalar(self, event: ScalarEvent) -> None:
        place = _place(event)
        tag = _tag(event)
        if tag is not None and tag not in _STR_TAGS:
            self._fault(place, _TAGGED)
        plain = tag is None and event.implicit[0]
        if plain and event.value == "<<" and self._wants_key():
            self._fault(place, 'found the merge key "<<", which YAML 1.2 does not have; write the fields out')
        text = _joined(str(event.value))
        value = _core_value(text) if plain else text
        if self._wants_key():
            self._name(text, place)
            return
        self._put(_Sized(Scalar(value, place), 1, 0, len(text)), event.anchor)

    def _start(self, event: Any) -> None:
        place = _place(event)
        if self._wants_key():
            raise self._stop(place, "a field's name must be a text, not a list or mapping")
        tag = _tag(event)
        if tag is not None and tag not in _CORE_TAGS:
            self._fault(place, _TAGGED)
        if len(self._open) >= MAX_DEPTH:
            raise self._stop(place, f"lists and mappings stand more than {MAX_DEPTH} deep in one another")
        if event.anchor:
            self._anchors[event.anchor] = None
        self._open.append(_Open(place, event.anchor, isinstance(event, MappingStartEvent)))

    def _end(self) -> None:
        done = self._open.pop()
        self._put(_Sized(done.closed(), done.size, done.depth, done.characters), done.anchor)

    def _alias(self, event: AliasEvent) -> None:
        place = _place(event)
        name = str(event.anchor)
        if name not in self._anchors:
            raise self._stop(
                place,
                "found an alias (`*…`) of what nothing before it marks (`&…`); a star that is meant stands in quotes",
            )
        target = self._anchors[name]
        if target is None:
            raise self._stop(place, "found an alias (`*…`) inside what it repeats")
        if self._wants_key():
            raise self._stop(place, "a field's name must be written out, not an alias")
        self._aliased += target.size
        if self._aliased > MAX_ALIASED_NODES:
            raise self._stop(place, f"aliases bring in more than {MAX_ALIASED_NODES} values")
        self._aliased_characters += target.characters
        if self._aliased_characters > MAX_ALIASED_CHARACTERS:
            raise self._stop(place, f"aliases bring in more than {MAX_ALIASED_CHARACTERS} characters")
        if len(self._open) + target.depth > MAX_DEPTH:
            raise self._stop(place, f"lists and mappings stand more than {MAX_DEPTH} deep in one another")
        self._put(target, None)

    def _wants_key(self) -> bool:
        return bool(self._open) and self._open[-1].names is not None and self._open[-1].key is None

    def _name(self, name: str, place: Place) -> None:
        parent = self._open[-1]
        parent.key = (name, place)
        parent.characters += len(name)
        if parent.names is None or name not in parent.names:
            return
        first = parent.names[name]
        self._fault(
            place, f"the field {shown(name)} stands here a second time; the first is in line {first.line}"
        )

    def _put(self, sized: _Sized, anchor: str | None) -> None:
        self._nodes += sized.size
        if anchor:
            self._anchors[anchor] = sized
        if not self._open:
            self.root = sized.node
            return
        parent = self._open[-1]
        if parent.size + sized.size > MAX_NODES or self._nodes > 2 * MAX_NODES:
            raise self._stop(sized.node.place, f"the document holds more than {MAX_NODES} values")
        parent.size += sized.size
        parent.characters += sized.characters
        parent.depth = max(parent.depth, sized.depth + 1)
        if parent.names is None:
            parent.items.append(sized.node)
        elif parent.key is not None:
            _add_entry(parent, parent.key, sized.node)

    def _path(self) -> Path:
        steps = [level.step() for level in self._open]
        return tuple(step for step in steps if step is not None)

    def _fault(self, place: Place, message: str) -> None:
        self.faults.append(fault_at(self._file, place, self._path(), message))

    def _stop(self, place: Place, message: str) -> _Stop:
        return _Stop(fault_at(self._file, place, self._path(), message))


def _add_entry(parent: _Open, key: tuple[str, Place], node: Node) -> None:
    """The first of two fields with one name counts; the second has its fault already."""
    name, place = key
    parent.key = None
    if parent.names is not None and name not in parent.names:
        parent.names[name] = place
        parent.entries.append(Entry(name, place, node))


def _place(event: Any) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1)


def _tag(event: Any) -> str | None:
    tag = event.tag
    return None if tag is None else str(tag)


def _joined(text: str) -> str:
    """The text with each pair of UTF-16 that was written as two escapes, as JSON writes it, as its character."""
    if text.isascii() or not _PAIR.search(text):
        return text
    return _PAIR.sub(lambda pair: pair.group().encode("utf-16", "surrogatepass").decode("utf-16"), text)


def _core_value(text: str) -> str | int | float | bool | None:
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INT.match(text):
        return int(text, 0 if text[:2] in ("0o", "0x") else 10)
    if _FLOAT.match(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text
