"""Keys that are over before they are made: they would open nothing from the first moment."""

from __future__ import annotations

from collections.abc import Iterator

from turnpike.control.document.fault import Fault, shown
from turnpike.control.document.instant import instant_ns
from turnpike.control.document.kind import ResourceId
from turnpike.control.document.reading import Reading
from turnpike.control.plan import Standing
from turnpike.control.resources.key import Key
from turnpike.control.resources.table import id_of


def overdue_faults(reading: Reading, standing: Standing, now_ns: int) -> tuple[Fault, ...]:
    """A fault of the field for each new key whose end is past: nobody makes such a key on purpose."""
    return tuple(
        Fault(
            reading.file,
            *_place(reading, id_),
            "expires_at",
            f"found {shown(end)}, which is over: give a later moment, or none",
        )
        for id_, end in _overdue(reading, standing, now_ns)
    )


def overdue_remarks(reading: Reading, standing: Standing, now_ns: int) -> tuple[Fault, ...]:
    """The same as remarks of a document: an old one must still apply to another installation."""
    return tuple(
        Fault(
            reading.file,
            *_place(reading, id_),
            str(id_),
            f"is made, and opens nothing: its expires_at, {shown(end)}, is over",
        )
        for id_, end in _overdue(reading, standing, now_ns)
    )


def _overdue(reading: Reading, standing: Standing, now_ns: int) -> Iterator[tuple[ResourceId, str]]:
    for resource in reading.resources:
        if not isinstance(resource, Key) or resource.expires_at is None or id_of(resource) in standing:
            continue
        if instant_ns(resource.expires_at) <= now_ns:
            yield id_of(resource), resource.expires_at


def _place(reading: Reading, id_: ResourceId) -> tuple[int, int]:
    place = reading.named[id_]
    return place.line, place.column
