"""Fields and kinds: what a mapping may hold, and what a kind of resource is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from turnpike.control.document.fault import Path, shown
from turnpike.control.document.kind import Resource, ResourceId
from turnpike.control.document.reader import ProviderKinds, Reader
from turnpike.control.document.shape import BAD, Schema, Shape, described
from turnpike.control.document.tree import Entry, Mapping, Node


class Field(msgspec.Struct, frozen=True):
    """One field; `default` is what holds where it is not said, in words for the docs."""

    name: str
    shape: Any
    meaning: str
    required: bool = False
    default: str = ""


class View(msgspec.Struct, frozen=True):
    """A mapping as far as it could be read, for rules between its fields."""

    values: dict[str, Any]
    node: Mapping
    path: Path
    reader: Reader

    def has(self, field: str) -> bool:
        """Whether the document says the field at all, well or badly."""
        return any(entry.key == field for entry in self.node.entries)

    def fault(self, message: str, *steps: str | int) -> None:
        """Note a fault of the value that `steps` lead to; of the mapping itself without any."""
        node: Node = self.node
        for step in steps:
            node = _child(node, step)
        self.reader.fault(node.place, (*self.path, *steps), message)


class Record(msgspec.Struct, frozen=True):
    """A mapping of known fields, read to a value of `type`; `check` holds the rules between fields."""

    type: Any
    title: str
    fields: tuple[Field, ...]
    check: Callable[[View], None] | None = None

    def read(self, node: Node, path: Path, reader: Reader) -> Any:
        if not isinstance(node, Mapping):
            names = ", ".join(field.name for field in self.fields)
            message = (
                f"found {described(node, secret=True)}; {self.title} must stand here, with the fields {names}"
            )
            reader.fault(node.place, path, message)
            return BAD
        values = _values(self.fields, node, path, reader)
        good = {name: value for name, value in values.items() if value is not BAD}
        faults = len(reader.faults)
        if self.check:
            self.check(View(good, node, path, reader))
        if len(reader.faults) > faults or len(good) < len(values):
            return BAD
        return self.type(**good)

    def schema(self, providers: ProviderKinds) -> Schema:
        properties = {field.name: _field_schema(field, providers) for field in self.fields}
        required = [field.name for field in self.fields if field.required]
        schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**schema, "required": required} if required else schema


class Kind(msgspec.Struct, frozen=True):
    """A kind of resource: one row of the table. `links` lists whom a resource names, by field."""

    name: str
    meaning: str
    record: Record
    links: Callable[[Any], Iterable[tuple[str, ResourceId]]]
    example: str

    @property
    def type(self) -> type[Resource]:
        """The type of the kind's values."""
        found: type[Resource] = self.record.type
        return found


def _values(fields: tuple[Field, ...], node: Mapping, path: Path, reader: Reader) -> dict[str, Any]:
    """Each field's value or BAD; a missing one that is required is BAD too, as is an unknown one."""
    known = {field.name: field for field in fields}
    values: dict[str, Any] = {}
    for entry in node.entries:
        field = known.get(entry.key)
        if field is None:
            _unknown(entry, known, (*path, entry.key), reader)
            values[entry.key] = BAD
        else:
            values[entry.key] = field.shape.read(entry.value, (*path, entry.key), reader)
    for field in fields:
        if field.required and field.name not in values:
            reader.fault(node.place, path, f"the field `{field.name}` is missing: {_shape(field).title}")
            values[field.name] = BAD
    return values


def _unknown(entry: Entry, known: dict[str, Field], path: Path, reader: Reader) -> None:
    reader.fault(entry.place, path, f"no field {shown(entry.key)}", found=entry.key, known=known)


def _shape(field: Field) -> Shape:
    shape: Shape = field.shape
    return shape


def _field_schema(field: Field, providers: ProviderKinds) -> Schema:
    described_as = f"{field.meaning} Default: {field.default}." if field.default else field.meaning
    return {"description": described_as, **_shape(field).schema(providers)}


def _child(node: Node, step: str | int) -> Node:
    if isinstance(node, Mapping):
        return next((entry.value for entry in node.entries if entry.key == step), node)
    items = getattr(node, "items", ())
    return items[step] if isinstance(step, int) and step < len(items) else node
