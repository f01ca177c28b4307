"""What a document would change, and whether it may."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import islice
from typing import Any

import msgspec

from turnpike.control.document.fault import Fault, Place, in_order, shown
from turnpike.control.document.kind import Plain, Resource, ResourceId, to_plain
from turnpike.control.document.names import Names
from turnpike.control.document.reader import MAX_FAULTS
from turnpike.control.document.reading import Reading
from turnpike.control.document.secret import SecretAddress, by_resource
from turnpike.control.resources.table import id_of, links_of, order_of
from turnpike.domain.pattern import any_matches, is_pattern

MAX_REMARKS = 100

OTHERS_NAMED = 5
"""Where one thing is wrong with many resources, a fault names no more of them than this beside the first."""

_TOP = Place(1, 1)

ENVIRONMENT_OWNER = "environment"
"""Owner of what was made from variables; a document that names such a resource takes it over."""

API_OWNER = "api"
"""Owner of what was made one by one: by a PUT, or a command."""

SYSTEM_OWNER = "turnpike"
"""Owner of what control made by itself: the first administrator's key."""

_REVOKED_MEND = "it is a revoked key, which opens nothing: remove it first (turnpike delete keys {})"

RESERVED_OWNERS = frozenset({API_OWNER, ENVIRONMENT_OWNER, SYSTEM_OWNER})
"""Owners that no document can be: as one of them, an empty document would remove what people made by hand."""


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
    """A resource that differs from what is stored; `previous_owner` is set where it is taken over."""

    id: ResourceId
    fields: tuple[FieldChange, ...]
    previous_owner: str | None = None


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


def make_plan(reading: Reading, standing: Standing, owner: str, changed_secrets: Set[SecretAddress]) -> Plan:
    """What applying a faultless reading as `owner` changes.

    `changed_secrets`: addresses whose value differs from what is stored (or is not stored yet).
    """
    secrets = _fields_of(changed_secrets)
    changes: list[Change] = [Deletion(id_) for id_ in _removed(reading, standing, owner)]
    unchanged = []
    for resource in reading.resources:
        id_ = id_of(resource)
        change = _change(id_, resource, standing.get(id_), owner, secrets.get(id_, frozenset()))
        if change is None:
            unchanged.append(id_)
        else:
            changes.append(change)
    changes.sort(key=lambda change: order_of(change.id))
    return Plan(owner, tuple(changes), tuple(sorted(unchanged, key=order_of)))


def relation_faults(
    reading: Reading,
    standing: Standing,
    owner: str,
    hidden: Set[ResourceId] = frozenset(),
    revoked: Set[ResourceId] = frozenset(),
) -> tuple[Fault, ...]:
    """What stands between the document and the store; nothing for a document that could not be read.

    Names that nobody bears, and removals that others still need.
    Of what is `hidden` from whoever applies the document, no fault tells anything. `revoked` are keys that may go
    without loss.
    """
    if not reading.whole:
        return ()
    removed = set(_removed(reading, standing, owner))
    seen = {id_: held for id_, held in standing.items() if id_ not in hidden} if hidden else standing
    faults = (
        *_dangling(reading, _known(seen), removed),
        *_still_needed(reading, standing, removed, hidden, revoked),
    )
    return in_order(faults)


def ownership_faults(reading: Reading, standing: Standing, owner: str) -> tuple[Fault, ...]:
    """A fault for each other owner that made what the document names, unless it gives way by itself.

    It stands at the first of the owner's resources, and names the others. A document that takes over what it names
    is not asked for them.
    """
    by_owner: dict[str, list[ResourceId]] = {}
    for id_ in reading.named:
        if id_ in standing and standing[id_].owner not in (owner, ENVIRONMENT_OWNER):
            by_owner.setdefault(standing[id_].owner, []).append(id_)
    return tuple(
        _fault(
            reading, reading.named[ids[0]], str(ids[0]), _beside(ids[1:]) + _owned_by_another(other, owner)
        )
        for other, ids in by_owner.items()
    )


def remarks(reading: Reading, standing: Standing, hidden: Set[ResourceId] = frozenset()) -> tuple[Fault, ...]:
    """What is allowed but likely a mistake: names in `models` that no model bears, or none that is seen."""
    seen = (id_ for id_ in standing if id_ not in hidden)
    models = _names(reading, seen, frozenset()).get("models", set())
    patterns = tuple(name for name in models if is_pattern(name))
    known = Names(models)
    strange = (
        link
        for link in reading.allowed_models
        if link.target.name not in models and not any_matches(patterns, link.target.name)
    )
    return in_order(
        _fault(
            reading,
            link.place,
            link.path,
            f"no model {shown(link.target.name)}" + known.suggestion(link.target.name),
        )
        for link in islice(strange, MAX_REMARKS)
    )


def outcome(plan: Plan, reading: Reading, standing: Standing) -> dict[ResourceId, Held]:
    """Everything in store once the plan is carried out: what to compile."""
    after = dict(standing)
    for change in plan.changes:
        if isinstance(change, Deletion):
            del after[change.id]
    for resource in reading.resources:
        after[id_of(resource)] = Held(resource, plan.owner)
    return after


def plan_lines(plan: Plan) -> list[str]:
    """The plan for people: one line per resource (`+`, `~`, `-`) and per field."""
    lines = [line for change in plan.changes for line in _lines(change)]
    counts = [
        sum(isinstance(change, type_) for change in plan.changes) for type_ in (Creation, Update, Deletion)
    ]
    made, changed, removed = counts
    lines.append(
        f"{made} to create, {changed} to change, {removed} to remove, {len(plan.unchanged)} unchanged"
    )
    return lines


def _removed(reading: Reading, standing: Standing, owner: str) -> list[ResourceId]:
    """What the owner made and no longer names."""
    return [id_ for id_, held in standing.items() if held.owner == owner and id_ not in reading.named]


def _fields_of(addresses: Set[SecretAddress]) -> dict[ResourceId, frozenset[str]]:
    """The top-level fields that the addresses stand in, by resource."""
    return {
        id_: frozenset(address.field.partition("[")[0].partition(".")[0] for address in own)
        for id_, own in by_resource(addresses).items()
    }


def _change(
    id_: ResourceId, after: Resource, held: Held | None, owner: str, secrets: Set[str]
) -> Change | None:
    if held is None:
        return Creation(id_, _differences({}, to_plain(after), secrets))
    if held.resource == after and held.owner == owner and not secrets:
        return None
    previous_owner = None if held.owner == owner else held.owner
    return Update(id_, _differences(to_plain(held.resource), to_plain(after), secrets), previous_owner)


def _differences(before: Plain, after: Plain, secrets: Set[str]) -> tuple[FieldChange, ...]:
    """Field by field in the order of the resource; `name` never differs."""
    fields = dict.fromkeys((*after, *before))
    return tuple(
        FieldChange(field, before.get(field), after.get(field), field in secrets)
        for field in fields
        if field != "name" and (before.get(field) != after.get(field) or field in secrets)
    )


def _known(seen: Standing) -> set[ResourceId]:
    """What is seen, and what that names: a resource may go on naming what it names."""
    return {*seen, *(target for held in seen.values() for _, target in links_of(held.resource))}


def _names(reading: Reading, known: Iterable[ResourceId], removed: Set[ResourceId]) -> dict[str, set[str]]:
    """Every name by kind, as it will be."""
    names: dict[str, set[str]] = {}
    for id_ in (*reading.named, *(id_ for id_ in known if id_ not in removed)):
        names.setdefault(id_.kind, set()).add(id_.name)
    return names


def _dangling(reading: Reading, known: Set[ResourceId], removed: Set[ResourceId]) -> Iterator[Fault]:
    names = _names(reading, known, removed)
    strange = (
        link
        for link in reading.links
        if link.target.kind not in reading.unread and link.target.name not in names.get(link.target.kind, ())
    )
    known_names: dict[str, Names] = {}
    for link in islice(strange, MAX_FAULTS):
        noun, name = link.target.kind.removesuffix("s"), link.target.name
        message = f"no {noun} {shown(name)}"
        if link.target in removed:
            message += f"; this document made it and names it no longer: keep it in `{link.target.kind}`"
        else:
            kind = link.target.kind
            if kind not in known_names:
                known_names[kind] = Names(names.get(kind, ()))
            message += known_names[kind].suggestion(name)
        yield _fault(reading, link.place, link.path, message)


def _beside(others: list[ResourceId]) -> str:
    """`(and teams/b, teams/c and 2 more) `, for what is said of the first as well."""
    if not others:
        return ""
    rest = len(others) - OTHERS_NAMED
    more = f" and {rest} more" if rest > 0 else ""
    return f"(and {', '.join(map(str, others[:OTHERS_NAMED]))}{more}) "


def _owned_by_another(other: str, owner: str) -> str:
    message = (
        f"was made by {shown(other)}, and this document is applied as {shown(owner)}: remove it there first, choose"
        " another name, or take over what the document names with --take-over (over the API ?take_over=true)"
    )
    if other in RESERVED_OWNERS:
        return message
    return (
        f"{message}; a document that was renamed keeps its owner with --owner {other} (over the API ?owner=)"
    )


def _still_needed(
    reading: Reading,
    standing: Standing,
    removed: Set[ResourceId],
    hidden: Set[ResourceId],
    revoked: Set[ResourceId],
) -> Iterator[Fault]:
    """References to what goes from what stays and is not in the document."""
    if not removed or reading.unread:
        return
    for id_, held in standing.items():
        if id_ in removed or id_ in reading.named:
            continue
        for field, target in links_of(held.resource):
            if target in removed:
                user = "another resource names it" if id_ in hidden else f"{id_} names it in {field}"
                mend = _REVOKED_MEND.format(id_.name) if id_ in revoked - hidden else "change that first"
                message = f"would be removed, but {user}; {mend}"
                yield _fault(reading, _TOP, str(target), message)


def _fault(reading: Reading, place: Place, path: str, message: str) -> Fault:
    return Fault(reading.file, place.line, place.column, path, message)


def _lines(change: Change) -> Iterator[str]:
    match change:
        case Deletion(id=id_):
            yield f"- {id_}"
        case Creation(id=id_, fields=fields):
            yield f"+ {id_}"
            yield from (f"    {field.field}: {_value_text(field.after)}" for field in fields)
        case Update(id=id_, fields=fields, previous_owner=previous):
            yield f"~ {id_}" + (f" (taken over from {previous})" if previous else "")
            yield from (_field_line(field) for field in fields)


def _field_line(field: FieldChange) -> str:
    if field.before == field.after:
        return f"    {field.field}: {_value_text(field.after)} (the secret behind it changed)"
    return f"    {field.field}: {_value_text(field.before)} -> {_value_text(field.after)}"


def _value_text(value: Any) -> str:
    return "(not said)" if value is None else msgspec.json.encode(value).decode()
