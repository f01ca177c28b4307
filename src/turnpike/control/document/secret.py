"""The secrets of a document: where they belong, and which of them are new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from turnpike.control.document.fault import Fault, Place
from turnpike.control.document.reference import Hidden, Part

SecretForm = Literal["credential", "header", "proxy", "key"]
"""What the secret must look like; "key" is digested, all others are sealed as credentials."""


class SecretAddress(msgspec.Struct, frozen=True, gc=False, order=True):
    """Whose secret it is: `field` is a path inside the resource (`credentials[1]`, `headers.x-org`)."""

    kind: str
    name: str
    field: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}/{self.field}"


class SecretSlot(msgspec.Struct, frozen=True):
    """One secret as a document gives it. `written` is what the resource holds in its place.

    `written` is the reference text, or the mark `${sealed:KIND/NAME/FIELD}` for a secret given literally.
    """

    address: SecretAddress
    form: SecretForm
    written: str
    parts: tuple[Part, ...]
    file: str
    place: Place
    path: str

    @property
    def purpose(self) -> Literal["key", "credential"]:
        """The purpose that the seal closes (or digests) it under."""
        return "key" if self.form == "key" else "credential"


class Given(msgspec.Struct, frozen=True):
    """What came with a document: values by reference id (`env:NAME`), and the ids that had none."""

    values: Mapping[str, Hidden] = {}
    missing: frozenset[str] = frozenset()


class Fresh(msgspec.Struct, frozen=True):
    """A secret that came with the document: to be sealed (or digested) and stored with `written`."""

    slot: SecretSlot
    value: Hidden


class Kept(msgspec.Struct, frozen=True):
    """A secret that stays as it is stored at `source` (its own resource, another place in a list perhaps)."""

    slot: SecretSlot
    source: SecretAddress


class Settlement(msgspec.Struct, frozen=True):
    """Every secret of a document with its origin, and what was wrong with the rest."""

    settled: tuple[Fresh | Kept, ...]
    faults: tuple[Fault, ...]


def settle_secrets(slots: Iterable[SecretSlot], given: Given, stored: Mapping[SecretAddress, str]) -> Settlement:
    """Decide where each secret comes from; `stored` holds the `written` of every secret in store.

    A value that was given is Fresh; without one, a secret whose `written` is stored for the same
    resource and field is Kept; anything else is a fault.
    """
    raise NotImplementedError
