"""The table of kinds, and what is done with documents of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from turnpike.control.document.json_schema import schema_of
from turnpike.control.document.kind import Plain, Resource, ResourceId, from_plain, to_plain
from turnpike.control.document.reading import Reading, Source, read_lists, read_one
from turnpike.control.document.record import Kind
from turnpike.control.document.reference_page import reference_page
from turnpike.control.document.writing import write_yaml
from turnpike.control.resources.key import KEY
from turnpike.control.resources.model import MODEL
from turnpike.control.resources.project import PROJECT
from turnpike.control.resources.provider import PROVIDER
from turnpike.control.resources.team import TEAM
from turnpike.control.resources.user import USER
from turnpike.domain.provider import ProviderKind

KINDS: Final[Mapping[str, Kind]] = {kind.name: kind for kind in (PROVIDER, MODEL, TEAM, PROJECT, USER, KEY)}

_KIND_OF: Final[Mapping[type[Resource], str]] = {kind.type: kind.name for kind in KINDS.values()}

ProviderKinds = Mapping[str, ProviderKind]


def read_document(source: Source, providers: ProviderKinds) -> Reading:
    """The resources of a document with top-level lists by kind; raises for no text."""
    return read_lists(source, KINDS, providers)


def read_resource(kind: str, name: str, source: Source, providers: ProviderKinds) -> Reading:
    """One resource of `kind` from a text that is the resource itself; a `name` in it must be `name`, or be left out."""
    return read_one(KINDS[kind], name, source, providers)


def id_of(resource: Resource) -> ResourceId:
    """The resource's kind and name."""
    return ResourceId(_KIND_OF[type(resource)], resource.name)


def order_of(id_: ResourceId) -> tuple[int, str]:
    """Sorts ids by kind, in the table's order, then by name."""
    return tuple(KINDS).index(id_.kind), id_.name


def restore(kind: str, plain: Plain) -> Resource:
    """A stored resource from the plain values of `to_plain`. Raises ValueError where they are not of `kind`."""
    try:
        return from_plain(KINDS[kind].type, plain)
    except msgspec.ValidationError as fault:
        raise ValueError(f"not one of the {kind}: {fault}") from fault


def links_of(resource: Resource) -> Iterable[tuple[str, ResourceId]]:
    """Which resources this one names, each with the path of the field that does."""
    return KINDS[_KIND_OF[type(resource)]].links(resource)


def export_document(resources: Iterable[Resource]) -> str:
    """YAML that reads back to equal resources; order within a kind is kept."""
    return write_yaml(export_lists(resources))


def export_lists(resources: Iterable[Resource]) -> dict[str, list[Plain]]:
    """The same document as plain values, for JSON."""
    lists: dict[str, list[Plain]] = {kind: [] for kind in KINDS}
    for resource in resources:
        lists[_KIND_OF[type(resource)]].append(to_plain(resource))
    return {kind: items for kind, items in lists.items() if items}


def document_schema(providers: ProviderKinds) -> dict[str, Any]:
    """The JSON Schema of the file, for editors (served by the API, printed by the CLI, kept in docs/)."""
    return schema_of(KINDS.values(), providers)


def fields_page(providers: ProviderKinds) -> str:
    """The page of the docs that lists every field of every kind."""
    return reference_page(KINDS.values(), providers)
