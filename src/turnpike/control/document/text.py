"""A document's text to its tree, whichever of the two syntaxes it is written in."""

from __future__ import annotations

from typing import Literal

from turnpike.control.document.fault import Fault, Place, fault_at
from turnpike.control.document.json_text import parse_json
from turnpike.control.document.tree import MAX_CHARACTERS, Node
from turnpike.control.document.yaml_text import parse_yaml

Syntax = Literal["yaml", "json"]

_BYTE_ORDER_MARK = "\ufeff"


def syntax_of(file: str) -> Syntax:
    """What a file of this name is written in: JSON where it ends in `.json`, YAML else."""
    return "json" if file.lower().endswith(".json") else "yaml"


def parse_text(text: str, file: str, syntax: Syntax | None = None) -> tuple[Node | None, tuple[Fault, ...]]:
    """The tree, None where the text could not be read to its end, and what was wrong; raises for no text."""
    if len(text) > MAX_CHARACTERS:
        found = f"the document has {len(text)} characters; at most {MAX_CHARACTERS} are read"
        return None, (fault_at(file, Place(1, 1), (), found),)
    text = text.removeprefix(_BYTE_ORDER_MARK)
    if (syntax or syntax_of(file)) == "json":
        return parse_json(text, file)
    return parse_yaml(text, file)
