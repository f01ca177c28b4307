"""From a text to resources: every fault of the document at once, and whatever could be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from turnpike.control.document.fault import Fault, Path, Place
from turnpike.control.document.kind import Resource, ResourceId
from turnpike.control.document.secret import SecretSlot


class Source(msgspec.Struct, frozen=True):
    """A text to read; `file` is the name that its faults bear."""

    file: str
    text: str
    syntax: Literal["yaml", "json"] = "yaml"


class Link(msgspec.Struct, frozen=True):
    """A place where a resource names another."""

    source: ResourceId
    target: ResourceId
    place: Place
    path: str


class Reading(msgspec.Struct, frozen=True):
    """What a document says. Nothing of it may be used while `faults` holds any.

    `resources` are those without a fault of their own, `named` all that the document names.
    """

    file: str
    resources: tuple[Resource, ...]
    named: Mapping[ResourceId, Place]
    links: tuple[Link, ...]
    secrets: tuple[SecretSlot, ...]
    faults: tuple[Fault, ...]
