"""A document as values that know where they stand, whatever it was written in."""

from __future__ import annotations

import msgspec

from turnpike.control.document.fault import NOWHERE, Place

MAX_CHARACTERS = 4 * 1024 * 1024
"""A longer document is refused unread."""

MAX_NODES = 500_000
"""Values in a document, each use of a YAML alias counted in full."""

MAX_DEPTH = 32
"""Lists and mappings inside one another."""


class Scalar(msgspec.Struct, frozen=True, gc=False):
    """A text, number, truth value or nothing; `tag` is set on what YAML calls by another type."""

    value: str | int | float | bool | None
    place: Place


class Sequence(msgspec.Struct, frozen=True, gc=False):
    """A list."""

    items: tuple[Node, ...]
    place: Place


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One field of a mapping; `place` is where its name stands."""

    key: str
    place: Place
    value: Node


class Mapping(msgspec.Struct, frozen=True, gc=False):
    """Fields by name, each name once."""

    entries: tuple[Entry, ...]
    place: Place


Node = Scalar | Sequence | Mapping


def tree_of(value: object, place: Place = NOWHERE) -> Node:
    """The tree of plain values (dict, list, str, number, bool, None), standing at `place`."""
    if isinstance(value, dict):
        return Mapping(tuple(Entry(str(k), place, tree_of(v, place)) for k, v in value.items()), place)
    if isinstance(value, list | tuple):
        return Sequence(tuple(tree_of(item, place) for item in value), place)
    if value is None or isinstance(value, str | int | float | bool):
        return Scalar(value, place)
    raise TypeError(f"no document holds a {type(value).__name__}")
