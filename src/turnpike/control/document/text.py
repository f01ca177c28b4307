"""A document's text to its tree, whichever of the two syntaxes it is written in."""

from __future__ import annotations

import re
from typing import Literal

from turnpike.control.document.fault import Fault, Place, fault_at
from turnpike.control.document.json_text import parse_json
from turnpike.control.document.tree import MAX_CHARACTERS, Mapping, Node, Scalar, Sequence
from turnpike.control.document.yaml_text import parse_yaml

Syntax = Literal["yaml", "json"]

_BYTE_ORDER_MARK = "\ufeff"
_HALF = re.compile("[\ud800-\udfff]")
_HALF_WRITTEN = re.compile(r"\\[uU](?:0000)?[dD][89a-fA-F]")
_HALVES_SHOWN = 100


def syntax_of(file: str) -> Syntax:
    """What a file of this name is written in: JSON where it ends in `.json`, YAML else."""
    return "json" if file.lower().endswith(".json") else "yaml"


def parse_text(text: str, file: str, syntax: Syntax | None = None) -> tuple[Node | None, tuple[Fault, ...]]:
    """The tree, None where the text could not be read to its end, and what was wrong; raises for no text."""
    if len(text) > MAX_CHARACTERS:
        found = f"the document has {len(text)} characters; at most {MAX_CHARACTERS} are read"
        return None, (fault_at(file, Place(1, 1), (), found),)
    text = text.removeprefix(_BYTE_ORDER_MARK)
    parse = parse_json if (syntax or syntax_of(file)) == "json" else parse_yaml
    root, faults = parse(text, file)
    halves = _halves(root) if root is not None and _HALF_WRITTEN.search(text) else ()
    if not halves:
        return root, faults
    message = "found half of a character pair (\\ud800 to \\udfff), which no text holds"
    return None, (*faults, *(fault_at(file, place, (), message) for place in halves))


def _halves(root: Node) -> tuple[Place, ...]:
    """Where texts stand that cannot be encoded: they could be neither stored nor shown."""
    found: list[Place] = []
    waiting: list[Node] = [root]
    while waiting:
        match waiting.pop():
            case Scalar(value=str() as text, place=place) if _HALF.search(text):
                found.append(place)
            case Sequence(items=items):
                waiting.extend(items)
            case Mapping(entries=entries):
                found.extend(entry.place for entry in entries if _HALF.search(entry.key))
                waiting.extend(entry.value for entry in entries)
    return tuple(found[:_HALVES_SHOWN])
