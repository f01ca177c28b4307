"""What every resource has, and how a kind of resource is described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec


class Resource(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every kind has. None means that the document says nothing of a field.

    No field holds a secret: in a secret's place stands its reference, or a `${sealed:…}` mark.
    """

    name: str
    description: str | None = None
    labels: dict[str, str] | None = None


class ResourceId(msgspec.Struct, frozen=True, gc=False, order=True):
    """What identifies a resource; `kind` is the plural of the document's top level."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"


R = TypeVar("R", bound="Resource")

Plain = dict[str, Any]
"""A resource as plain values: what JSON holds, what the store keeps, what the API answers."""


def to_plain(resource: Resource) -> Plain:
    """The resource as a document holds it; fields that were not said are left out."""
    # By way of JSON, so that what is compared with what the store gives back is of the same types.
    plain: Plain = msgspec.json.decode(msgspec.json.encode(resource))
    return plain


def from_plain(type_: type[R], plain: Mapping[str, Any]) -> R:
    """The resource back from `to_plain`'s values. Raises msgspec.ValidationError on others."""
    return msgspec.convert(plain, type_)
