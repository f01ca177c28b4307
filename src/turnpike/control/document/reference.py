"""References to secrets: `${env:NAME}`, `${file:path}`, and `${sealed:…}` for what is stored."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from turnpike.control.document.text import parse_text
from turnpike.control.document.tree import Mapping, Node, Scalar, Sequence

MAX_PATH_CHARACTERS = 1024

_REFERENCE = re.compile(r"\$\{([^{}\n]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Hidden:
    """A secret in the clear, on its way to the seal; nothing prints, compares or encodes it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself."""
        return self._value

    def __repr__(self) -> str:
        return "Hidden(…)"


class EnvReference(msgspec.Struct, frozen=True, gc=False):
    """A variable of the environment where `apply` runs."""

    name: str

    @property
    def id(self) -> str:
        """As a document's `secrets` names it: `env:NAME`."""
        return f"env:{self.name}"


class FileReference(msgspec.Struct, frozen=True, gc=False):
    """A file's text where `apply` runs, without the line break at its end."""

    path: str

    @property
    def id(self) -> str:
        """As a document's `secrets` names it: `file:path`."""
        return f"file:{self.path}"


class SealedReference(msgspec.Struct, frozen=True, gc=False):
    """What is stored at `address` (`KIND/NAME/FIELD`): how an export stands in for a secret without a reference."""

    address: str

    @property
    def id(self) -> str:
        """`sealed:KIND/NAME/FIELD`."""
        return f"sealed:{self.address}"


Outside = EnvReference | FileReference
"""A reference that is resolved where `apply` runs."""

Reference = EnvReference | FileReference | SealedReference

Part = Hidden | EnvReference | FileReference | SealedReference


def parse_parts(text: str) -> tuple[Part, ...]:
    """The text as literal parts and references, in order; nothing for an empty text.

    Raises ValueError, without the text in its message, where a `${…}` is none of the three forms.
    """
    parts: list[Part] = []
    end = 0
    for found in _REFERENCE.finditer(text):
        if found.start() > end:
            parts.append(Hidden(text[end : found.start()]))
        parts.append(_reference(found.group(1)))
        end = found.end()
    if "${" in text[end:]:
        raise ValueError("found a `${` without its `}`")
    if end < len(text):
        parts.append(Hidden(text[end:]))
    return tuple(parts)


def has_reference(text: str) -> bool:
    """Whether the text holds anything of the form `${…}`."""
    return "${" in text


def find_references(text: str, file: str = "") -> tuple[Outside, ...]:
    """The references in a document's values, each once: what to resolve before sending it.

    Comments do not count. A document that cannot be read has none; reading it says why.
    """
    root, _ = parse_text(text, file)
    found: dict[str, Outside] = {}
    for value in _texts(root) if root is not None else ():
        for match in _REFERENCE.finditer(value):
            reference = _known(match.group(1))
            if isinstance(reference, EnvReference | FileReference):
                found.setdefault(reference.id, reference)
    return tuple(found.values())


def _texts(root: Node) -> Iterator[str]:
    waiting = [root]
    while waiting:
        match waiting.pop():
            case Scalar(value=str() as text):
                yield text
            case Sequence(items=items):
                waiting.extend(reversed(items))
            case Mapping(entries=entries):
                waiting.extend(entry.value for entry in reversed(entries))


def _reference(inside: str) -> Reference:
    reference = _known(inside)
    if reference is None:
        raise ValueError("found a `${…}` that is no reference; write `${env:NAME}` or `${file:path}`")
    return reference


def _known(inside: str) -> Reference | None:
    scheme, _, rest = inside.partition(":")
    if scheme == "env" and _VARIABLE.match(rest):
        return EnvReference(rest)
    if scheme == "file" and rest and len(rest) <= MAX_PATH_CHARACTERS and rest.isprintable():
        return FileReference(rest)
    if scheme == "sealed" and rest:
        return SealedReference(rest)
    return None
