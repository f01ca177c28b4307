"""What a document would change, and whether it may."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import msgspec

from turnpike.control.document.fault import Fault
from turnpike.control.document.kind import Resource, ResourceId
from turnpike.control.document.reading import Reading
from turnpike.control.document.secret import SecretAddress

ENVIRONMENT_OWNER = "environment"
"""Owner of what was made from variables; a document that names such a resource takes it over."""


class Held(msgspec.Struct, frozen=True):
    """A resource in store, and who made it (a document's name, `api`, `environment`, …)."""

    resource: Resource
    owner: str


class FieldChange(msgspec.Struct, frozen=True):
    """One field's plain values before and after, None where it is not said; secrets show only references."""

    field: str
    before: Any = None
    after: Any = None
    secret_changed: bool = False


class Creation(msgspec.Struct, frozen=True, tag_field="action", tag="create"):
    """A resource that is not in store yet."""

    id: ResourceId
    fields: tuple[FieldChange, ...]


class Update(msgspec.Struct, frozen=True, tag_field="action", tag="update"):
    """A resource that differs from what is stored, or whose owner changes."""

    id: ResourceId
    fields: tuple[FieldChange, ...]


class Deletion(msgspec.Struct, frozen=True, tag_field="action", tag="delete"):
    """A resource that the owner made and no longer names."""

    id: ResourceId


Change = Creation | Update | Deletion


class Plan(msgspec.Struct, frozen=True):
    """The difference between a document and the store, in the order of the table and of names."""

    owner: str
    changes: tuple[Change, ...]
    unchanged: tuple[ResourceId, ...]


Standing = Mapping[ResourceId, Held]
"""Everything in store."""


def make_plan(
    reading: Reading, standing: Standing, owner: str, changed_secrets: Set[SecretAddress]
) -> Plan:
    """What applying a faultless reading as `owner` changes."""
    raise NotImplementedError


def relation_faults(reading: Reading, standing: Standing, owner: str) -> tuple[Fault, ...]:
    """What stands between the document and the store.

    Names that nobody bears, resources that another owner made, and removals that others still need.
    """
    raise NotImplementedError


def outcome(plan: Plan, reading: Reading, standing: Standing) -> dict[ResourceId, Held]:
    """Everything in store once the plan is carried out: what to compile."""
    raise NotImplementedError


def plan_lines(plan: Plan) -> list[str]:
    """The plan for people: one line per resource (`+`, `~`, `-`) and per field."""
    raise NotImplementedError
