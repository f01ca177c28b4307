"""The table of kinds, and what is done with documents of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from turnpike.control.document.kind import Plain, Resource, ResourceId
from turnpike.control.document.reading import Reading, Source
from turnpike.domain.provider import ProviderKind

ProviderKinds = Mapping[str, ProviderKind]


def read_document(source: Source, providers: ProviderKinds) -> Reading:
    """The resources of a document with top-level lists by kind; never raises for what a text holds."""
    raise NotImplementedError


def read_resource(kind: str, name: str, source: Source, providers: ProviderKinds) -> Reading:
    """One resource of `kind` from a text that is the resource itself; a `name` in it must be `name`."""
    raise NotImplementedError


def id_of(resource: Resource) -> ResourceId:
    """The resource's kind and name."""
    raise NotImplementedError


def restore(kind: str, plain: Plain) -> Resource:
    """A stored resource from the plain values of `to_plain`. Raises ValueError where they are not of `kind`."""
    raise NotImplementedError


def links_of(resource: Resource) -> tuple[tuple[str, ResourceId], ...]:
    """Which resources this one names, each with the path of the field that does."""
    raise NotImplementedError


def export_document(resources: Sequence[Resource]) -> str:
    """YAML that reads back to equal resources; order within a kind is kept."""
    raise NotImplementedError


def document_schema(providers: ProviderKinds) -> dict[str, Any]:
    """The JSON Schema of the file, for editors (served by the API, printed by the CLI, kept in docs/)."""
    raise NotImplementedError
