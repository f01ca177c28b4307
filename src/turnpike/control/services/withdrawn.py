"""Keys that were revoked, and that a text names as if they opened something."""

from __future__ import annotations

from collections.abc import Iterable

from turnpike.control.document.fault import Fault
from turnpike.control.document.reading import Reading
from turnpike.control.remarks import remark_on
from turnpike.control.resources.key import Key
from turnpike.control.resources.table import id_of
from turnpike.ports.store import StoredKey


def revoked_remarks(reading: Reading, keys: Iterable[StoredKey]) -> tuple[Fault, ...]:
    """A remark on each key that is named, was revoked in store, and is not said to be revoked by the text itself."""
    revoked = {key.name for key in keys if key.revoked_at_ns is not None}
    return tuple(
        remark_on(
            reading,
            id_of(key),
            "is revoked for good, and opens nothing whatever is said of it here: give the key another name and another"
            " secret, or say `revoked: true`",
        )
        for key in reading.resources
        if isinstance(key, Key) and key.name in revoked and not key.revoked
    )
