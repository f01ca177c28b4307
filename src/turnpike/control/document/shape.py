"""The shapes that a field's value can have: each reads a node, and describes itself as JSON Schema.

`read` gives the value, or BAD after it has noted every fault that it found.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from turnpike.control.document.fault import Path, path_text, shown
from turnpike.control.document.reader import ProviderKinds, Reader
from turnpike.control.document.reference import Hidden, SealedReference, parse_parts
from turnpike.control.document.secret import MAX_SECRET_CHARACTERS, SecretForm, SecretSlot
from turnpike.control.document.tree import Entry, Mapping, Node, Scalar, Sequence

BAD: Final = object()
"""What a shape reads from a value that is not of it."""

Schema = dict[str, Any]

MAX_ITEMS = 1000
"""Of any list or mapping inside a resource."""


_UNSEEN = re.compile("[\\x00-\\x1f\\x7f-\\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
"""Control characters, and those that turn the direction of what is shown."""

_UNSEEN_IN_TEXT = re.compile(_UNSEEN.pattern.replace(r"\x00-\x1f", r"\x00-\x08\x0b-\x1f"))


class Shape(Protocol):
    """What a field's value must be."""

    def read(self, node: Node, path: Path, reader: Reader) -> Any:
        """The value, or BAD."""

    def schema(self, providers: ProviderKinds) -> Schema:
        """The shape as JSON Schema."""

    @property
    def title(self) -> str:
        """The shape in a few words, for faults and for the docs."""


class Text(msgspec.Struct, frozen=True):
    """A text of one line. `complaint` says what is wrong with one, None for a good one.

    `private`: it may hold a secret by mistake, so that faults must not show it.
    """

    title: str = "a text"
    max_characters: int = 256
    complaint: Callable[[str], str | None] | None = None
    multiline: bool = False
    private: bool = False
    extra: Schema = {}

    def read(self, node: Node, path: Path, reader: Reader) -> Any:
        text = text_of(node, path, reader, self.title, secret=self.private)
        if text is None:
            return BAD
        wrong = self.wrong(text)
        if wrong is None:
            return text
        reader.fault(node.place, path, wrong)
        return BAD

    def wrong(self, text: str) -> str | None:
        """What is wrong with the text; None with a good one."""
        if not text.strip():
            return f"found an empty text; {self.title} must stand here"
        if len(text) > self.max_characters:
            return f"found {len(text)} characters; at most {self.max_characters} are allowed"
        if (_UNSEEN_IN_TEXT if self.multiline else _UNSEEN).search(text):
            return "found a control character, which is not allowed here"
        said = self.complaint(text) if self.complaint else None
        if said is None or self.private:
            return said
        return f"found {shown(text)}; {said}"

    def schema(self, providers: ProviderKinds) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": self.max_characters, **self.extra}


class Role(msgspec.Struct, frozen=True):
    """A role. To a wrong one no other is suggested: it might give more than was meant.

    `elsewhere`: of roles that do not stand here, where they do.
    """

    values: tuple[str, ...]
    title: str
    elsewhere: dict[str, str] = {}

    def read(self, node: Node, path: Path, reader: Reader) -> Any:
        text = text_of(node, path, reader, self.title)
        if text is None or text in self.values:
            return BAD if text is None else text
        place = self.elsewhere.get(text)
        said = f"; it stands {place}" if place else f" (known: {', '.join(self.values)})"
        reader.fault(node.place, path, f"found {shown(text)}, which is not {self.title}{said}")
        return BAD

    def schema(self, providers: ProviderKinds) -> Schema:
        return {"type": "string", "enum": list(self.values)}


class Flag(msgspec.Struct, frozen=True):
    """true or false."""

    title: str = "true or false"

    def read(self, node: Node, path: Path, reader: Reader) -> Any:
        if isinstance(node, Scalar) and isinstance(node.value, bool):
            return node.value
        reader.fault(node.place, path, f"found {described(node)}; true or false must stand here")
        return BAD

    def schema(self, providers: ProviderKinds) -> Schema:
        return {"type": "boolean"}


class Number(msgspec.Struct, frozen=True):
    """A number within bounds, both of them allowed; a whole one where `whole` says so."""

    least: float
    most: float
    whole: bool = False

    @property
    def title(self) -> str:
        return f"a {'whole ' if self.whole else ''}number from {self.least:g} to {self.most:g}"

    def read(self, node: Node, path: Path, reader: Reader) -> Any:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(value, int | float) and not isinstance(value, bool) and self._fits(value):
            return value
        reader.fault(node.place, path, f"found {described(node)}; {self.title} must stand here")
        return BAD

    def _fits(self, value: float) -> bool:
        return (isinstance(value, int) or not self.whole) and self.least <= value <= self.most

    def schema(self, providers: ProviderKinds) -> Schema:
        return {"type": "integer" if self.whole else "number", "minimum": self.least, "maximum": self.most}


class ListOf(msgspec.Struct, frozen=True):
    """A list whose items have one shape, none of them twice."""

    item: Any
    min_items: int = 0
    max_items: int = MAX_ITEMS

    @property
    def title(self) -> str:
        return f"a list of: {self.item.title}"

    def read(self, node: Node, path: Path, reader: Reader) -> Any:
        if not isinstance(node, Sequence):
            reader.fault(
                node.place,
                path,
                f"found {described(node, secret=True)}; {self.title} must stand here, as in [a, b]",
            )
            return BAD
        if not self.min_items <= len(node.items) <= self.max_items:
            allowed = f"{self.min_items} to {self.max_items}"
            reader.fault(node.place, path, f"found a list of {len(node.items)}; {allowed} are allowed")
            return BAD
        values = [self.item.read(item, (*path, i), reader) for i, item in enumerate(node.items)]
        self._find_repeats(node, values, path, reader)
        return BAD if any(value is BAD for value in values) else tuple(values)

    def _find_repeats(self, node: Sequence, values: list[Any], path: Path, reader: Reader) -> None:
        seen: dict[Any, int] = {}
        for i, value in enumerate(values):
            first = seen.setdefault(value, i)
            if first != i and value is not BAD:
                line = node.items[first].place.line
                reader.fault(
                    node.items[i].place, (*path, i), f"stands in this list twice; first in line {line}"
                )

    def schema(self, providers: ProviderKinds) -> Schema:
        bounds = {"minItems": self.min_items, "maxItems": self.max_items, "uniqueItems": True}
        return {"type": "array", "items": self.item.schema(providers), **bounds}


class MapOf(msgspec.Struct, frozen=True):
    """Values by names that the document chooses. `name_complaint` says what is wrong with a name."""

    name_complaint: Callable[[str], str | None]
    name_pattern: str
    value: Any
    title: str
    max_items: int = MAX_ITEMS

    def read(self, node: Node, path: Path, reader: Reader) -> Any:
        if not isinstance(node, Mapping):
            reader.fault(
                node.place,
                path,
                f"found {described(node, secret=True)}; {self.title} must stand here, as in {{a: b}}",
            )
            return BAD
        if len(node.entries) > self.max_items:
            reader.fault(
                node.place, path, f"found {len(node.entries)} entries; at most {self.max_items} are allowed"
            )
            return BAD
        values = {entry.key: self._entry(entry, (*path, entry.key), reader) for entry in node.entries}
        return BAD if any(value is BAD for value in values.values()) else values

    def _entry(self, entry: Entry, path: Path, reader: Reader) -> Any:
        said = self.name_complaint(entry.key)
        if said:
            reader.fault(entry.place, path, f"found the name {shown(entry.key)}; {said}")
        value = self.value.read(entry.value, path, reader)
        return BAD if said else value

    def schema(self, providers: ProviderKinds) -> Schema:
        names = {"pattern": self.name_pattern}
        values = self.value.schema(providers)
        return {
            "type": "object",
            "propertyNames": names,
            "additionalProperties": values,
            "maxProperties": self.max_items,
        }


class LinkTo(msgspec.Struct, frozen=True):
    """The name of another resource."""

    kind: str

    @property
    def title(self) -> str:
        return f"the name of one of the `{self.kind}`"

    def read(self, node: Node, path: Path, reader: Reader) -> Any:
        text = text_of(node, path, reader, self.title)
        if text is None:
            return BAD
        reader.link(self.kind, text, node.place, path)
        return text

    def schema(self, providers: ProviderKinds) -> Schema:
        return {"type": "string", "minLength": 1}


class SecretText(msgspec.Struct, frozen=True):
    """A secret: a reference, or the secret itself, which the resource holds as its `${sealed:…}` mark."""

    form: SecretForm

    title = "a secret: `${env:NAME}`, `${file:path}` or the secret itself"

    def read(self, node: Node, path: Path, reader: Reader) -> Any:
        text = text_of(node, path, reader, self.title, secret=True)
        if text is None:
            return BAD
        if not text or len(text) > MAX_SECRET_CHARACTERS:
            reader.fault(
                node.place, path, f"found {len(text)} characters; 1 to {MAX_SECRET_CHARACTERS} are allowed"
            )
            return BAD
        try:
            parts = parse_parts(text)
        except ValueError as wrong:
            reader.fault(node.place, path, str(wrong))
            return BAD
        address = reader.address(path)
        outside = not any(isinstance(part, SealedReference) for part in parts)
        literal = all(isinstance(part, Hidden) for part in parts)
        written = text if outside and not literal else f"${{sealed:{address}}}"
        reader.secrets.append(
            SecretSlot(address, self.form, written, parts, reader.file, node.place, path_text(path))
        )
        return written

    def schema(self, providers: ProviderKinds) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": MAX_SECRET_CHARACTERS}


def text_of(node: Node, path: Path, reader: Reader, title: str, *, secret: bool = False) -> str | None:
    """The node's text, or None after the fault that it is none."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return node.value
    found = described(node, secret=secret)
    quotes = "; put it in quotes" if isinstance(node, Scalar) and node.value is not None else ""
    reader.fault(node.place, path, f"found {found}; {title} must stand here{quotes}")
    return None


def described(node: Node, *, secret: bool = False) -> str:
    """What stands there, for a fault; of a secret only its type."""
    match node:
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool() as flag):
            return "true or false" if secret else str(flag).lower()
        case Scalar(value=str() as text):
            return "a text" if secret else f"the text {shown(text)}"
        case Scalar(value=value):
            return "a number" if secret else f"the number {_number(value)}"


def _number(value: object) -> str:
    return f"of {value.bit_length()} bits" if isinstance(value, int) and abs(value) >= 10**18 else str(value)


def matching(pattern: str, rule: str) -> Callable[[str], str | None]:
    """A complaint that states `rule` where a text does not match `pattern` as a whole."""
    compiled = re.compile(pattern)
    return lambda text: None if compiled.fullmatch(text) else rule
