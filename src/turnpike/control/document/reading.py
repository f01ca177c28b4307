"""From a text to resources: every fault of the document at once, and whatever could be read."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from turnpike.control.document.fault import NOWHERE, Fault, Path, Place, in_order, shown
from turnpike.control.document.kind import Resource, ResourceId
from turnpike.control.document.reader import Mention, ProviderKinds, Reader
from turnpike.control.document.record import Kind
from turnpike.control.document.secret import SecretSlot
from turnpike.control.document.shape import BAD, described
from turnpike.control.document.text import Syntax, parse_text
from turnpike.control.document.tree import Entry, Node, Scalar, Sequence
from turnpike.control.document.tree import Mapping as MappingNode

MAX_RESOURCES = 100_000
"""Of one kind in one document."""


class Source(msgspec.Struct, frozen=True):
    """A text to read; `file` is the name that its faults bear."""

    file: str
    text: str
    syntax: Syntax = "yaml"


class Reading(msgspec.Struct, frozen=True):
    """What a document says. Nothing of it may be applied while `faults` holds any.

    resources: those without a fault of their own, in the document's order.
    named: every resource that the document names, with the place of its name.
    allowed_models: plain names that stand in `models` of teams, projects, users and keys.
    unread: kinds of which a resource has no readable name, so that `named` may lack some.
    whole: whether the text could be read to its end.
    """

    file: str
    resources: tuple[Resource, ...] = ()
    named: Mapping[ResourceId, Place] = {}
    links: tuple[Mention, ...] = ()
    allowed_models: tuple[Mention, ...] = ()
    secrets: tuple[SecretSlot, ...] = ()
    faults: tuple[Fault, ...] = ()
    unread: frozenset[str] = frozenset()
    whole: bool = True


Kinds = Mapping[str, Kind]


def read_lists(source: Source, kinds: Kinds, providers: ProviderKinds) -> Reading:
    """The resources of a document with top-level lists by kind; raises for no text."""
    root, faults = parse_text(source.text, source.file, source.syntax)
    if root is None:
        return Reading(source.file, faults=in_order(faults), whole=False)
    document = _Document(Reader(source.file, providers), kinds)
    document.reader.faults.extend(faults)
    document.read(root)
    return document.reading()


def read_one(kind: Kind, name: str, source: Source, providers: ProviderKinds) -> Reading:
    """One resource from a text that is the resource itself; a `name` in it must be `name`, or be left out."""
    root, faults = parse_text(source.text, source.file, source.syntax)
    if root is None:
        return Reading(source.file, faults=in_order(faults), whole=False)
    document = _Document(Reader(source.file, providers), {kind.name: kind})
    document.reader.faults.extend(faults)
    document.one(kind, name, root)
    return document.reading()


class _Document:
    """Reads one document's tree, resource by resource."""

    def __init__(self, reader: Reader, kinds: Kinds) -> None:
        self.reader = reader
        self._kinds = kinds
        self._resources: list[Resource] = []
        self._named: dict[ResourceId, Place] = {}
        self._unread: set[str] = set()

    def read(self, root: Node) -> None:
        if isinstance(root, Scalar) and root.value is None:
            return
        if not isinstance(root, MappingNode):
            self._unread.update(self._kinds)
            message = f"found {described(root, secret=True)}; lists by kind must stand here ({', '.join(self._kinds)})"
            self.reader.fault(root.place, (), message)
            return
        for entry in root.entries:
            kind = self._kinds.get(entry.key)
            if kind is None:
                # It may be one of the kinds, mistyped: what is absent may be meant by it.
                self._unread.update(self._kinds.keys() - {entry.key for entry in root.entries})
                message = f"no kind of resource {shown(entry.key)}"
                self.reader.fault(entry.place, (entry.key,), message, found=entry.key, known=self._kinds)
            else:
                self._list(kind, entry)

    def one(self, kind: Kind, name: str, root: Node) -> None:
        if not isinstance(root, MappingNode):
            self.reader.fault(
                root.place, (), f"found {described(root, secret=True)}; a mapping of fields must stand here"
            )
            return
        if _entry(root, "name") is None:
            # It stands in the address: no place of the text is at fault for it.
            named = Entry("name", NOWHERE, Scalar(name, NOWHERE))
            root = MappingNode((named, *root.entries), root.place)
        given = _name_of(root)
        if given is not None and given != name:
            message = f"found {shown(given)}; the address names {shown(name)}, and a resource keeps its name"
            self.reader.fault(root.place, ("name",), message)
        self._resource(kind, root, ())

    def reading(self) -> Reading:
        reader = self.reader
        return Reading(
            file=reader.file,
            resources=tuple(self._resources),
            named=self._named,
            links=tuple(reader.links),
            allowed_models=tuple(reader.allowed_models),
            secrets=tuple(reader.secrets),
            faults=in_order(reader.faults),
            unread=frozenset(self._unread),
        )

    def _list(self, kind: Kind, entry: Entry) -> None:
        node = entry.value
        if isinstance(node, Scalar) and node.value is None:
            return
        if not isinstance(node, Sequence):
            message = f"found {described(node, secret=True)}; a list must stand here, each item with a `name`"
            self.reader.fault(node.place, (kind.name,), message)
            self._unread.add(kind.name)
            return
        if len(node.items) > MAX_RESOURCES:
            message = f"found {len(node.items)} resources; at most {MAX_RESOURCES} are allowed"
            self.reader.fault(node.place, (kind.name,), message)
            self._unread.add(kind.name)
            return
        for i, item in enumerate(node.items):
            self._resource(kind, item, (kind.name, i))

    def _resource(self, kind: Kind, node: Node, path: Path) -> None:
        name = _name_of(node)
        id_ = ResourceId(kind.name, name or "")
        if name is None:
            self._unread.add(kind.name)
        else:
            self._note(id_, node, path)
        self.reader.subject = id_
        self.reader.base = len(path)
        value = kind.record.read(node, path, self.reader)
        if value is not BAD:
            self._resources.append(value)

    def _note(self, id_: ResourceId, node: Node, path: Path) -> None:
        entry = _entry(node, "name")
        place = entry.value.place if entry else node.place
        first = self._named.get(id_)
        if first is None:
            self._named[id_] = place
            return
        # What an alias repeats stands in one place only.
        way = ", by an alias (`*…`)" if first is place else ""
        message = f"found {shown(id_.name)} a second time{way}; the first is in line {first.line}"
        self.reader.fault(place, (*path, "name"), message)


def _entry(node: Node, name: str) -> Entry | None:
    if not isinstance(node, MappingNode):
        return None
    return next((entry for entry in node.entries if entry.key == name), None)


def _name_of(node: Node) -> str | None:
    entry = _entry(node, "name")
    if entry is None or not isinstance(entry.value, Scalar):
        return None
    return entry.value.value if isinstance(entry.value.value, str) else None
