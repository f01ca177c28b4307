"""The secrets of a document: where they belong, and which of them are new."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

import msgspec

from turnpike.control.document.fault import Fault, Place, shown
from turnpike.control.document.kind import ResourceId
from turnpike.control.document.reference import FileReference, Hidden, Outside, Part, SealedReference
from turnpike.control.document.url import proxy_complaint
from turnpike.domain.key import BROUGHT_KEY_MIN_CHARACTERS, is_mistyped
from turnpike.ports.sealing import CREDENTIAL_PURPOSE, KEY_PURPOSE

MAX_SECRET_CHARACTERS = 16_384

_MIXED = "a `${sealed:…}` mark stands alone, with no text beside it"

SecretForm = Literal["credential", "header", "proxy", "key"]
"""What the secret must look like; "key" is digested, all others are sealed as credentials."""


class SecretAddress(msgspec.Struct, frozen=True, gc=False, order=True):
    """Whose secret it is: `field` is a path inside the resource (`credentials[1]`, `headers.x-org`)."""

    kind: str
    name: str
    field: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}/{self.field}"


def by_resource(addresses: Iterable[SecretAddress]) -> dict[ResourceId, list[SecretAddress]]:
    """The addresses of each resource that has any, in the order in which they come."""
    found: dict[ResourceId, list[SecretAddress]] = {}
    for address in addresses:
        found.setdefault(ResourceId(address.kind, address.name), []).append(address)
    return found


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
    def purpose(self) -> str:
        """The purpose that the seal closes (or digests) it under."""
        return KEY_PURPOSE if self.form == "key" else CREDENTIAL_PURPOSE


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


def settle_secrets(
    slots: Iterable[SecretSlot], given: Given, stored: Mapping[SecretAddress, str]
) -> Settlement:
    """Decide where each secret comes from; `stored` holds the `written` of every secret in store.

    A value that was given is Fresh; without one, a secret that is stored for the same resource with
    the same `written` is Kept; anything else is a fault. Two keys with one value are a fault too.
    """
    settled: list[Fresh | Kept] = []
    faults: list[Fault] = []
    held = _Held(stored, by_resource(stored))
    for slot in slots:
        origin = _origin(slot, given, held)
        if isinstance(origin, str):
            faults.append(_fault(slot, origin))
        else:
            settled.append(origin)
    return Settlement(tuple(settled), (*faults, *_repeated_keys(settled)))


def secret_complaint(form: SecretForm, value: str) -> str | None:
    """What is wrong with a secret's value, wherever it comes from; never shows the value."""
    if not value:
        return "the secret is empty"
    if len(value) > MAX_SECRET_CHARACTERS:
        return f"the secret has {len(value)} characters; at most {MAX_SECRET_CHARACTERS} are allowed"
    if form == "proxy":
        return proxy_complaint(value)
    if not (value.isascii() and value.isprintable() and value == value.strip()):
        return "the secret holds a line break, a blank at its end or a character beyond ASCII, which no header can carry"
    return _key_complaint(value) if form == "key" else None


class _Held(msgspec.Struct, frozen=True):
    """What is written in the place of every secret in store, and which resource has which."""

    written: Mapping[SecretAddress, str]
    by_resource: Mapping[ResourceId, list[SecretAddress]]


def _origin(slot: SecretSlot, given: Given, held: _Held) -> Fresh | Kept | str:
    """The secret with its origin, or what is wrong with it."""
    marks = [part for part in slot.parts if isinstance(part, SealedReference)]
    if marks:
        return _marked(slot, marks[0], held) if len(slot.parts) == 1 else _MIXED
    outside = [part for part in slot.parts if not isinstance(part, Hidden | SealedReference)]
    unknown = [part.id for part in outside if part.id not in given.values]
    if not unknown:
        return _fresh(slot, given)
    absent = next((id_ for id_ in unknown if id_ in given.missing), None)
    if absent is not None:
        return f"${{{absent}}} has no value where the document was sent from; {_mending(absent)}"
    source = _stored_alike(slot, held)
    if source is not None:
        return Kept(slot, source)
    return f"no value came with the document for ${{{unknown[0]}}}, and none is stored; `turnpike apply` sends it"


def _marked(slot: SecretSlot, mark: SealedReference, held: _Held) -> Kept | str:
    kind, name = slot.address.kind, slot.address.name
    own = f"{kind}/{name}/"
    if not mark.address.startswith(own):
        return (
            f"found a sealed secret of another resource; only what is stored for {kind}/{name} may stand here"
        )
    source = SecretAddress(kind, name, mark.address.removeprefix(own))
    if source not in held.written:
        return f"nothing is stored at ${{{mark.id}}}; give the secret itself, or a reference to it"
    return Kept(slot, source)


def _fresh(slot: SecretSlot, given: Given) -> Fresh | str:
    value = "".join(part.reveal() if isinstance(part, Hidden) else _value(part, given) for part in slot.parts)
    said = secret_complaint(slot.form, value)
    return said if said else Fresh(slot, Hidden(value))


def _value(reference: Outside | SealedReference, given: Given) -> str:
    value = given.values[reference.id].reveal()
    return value.removesuffix("\n").removesuffix("\r") if isinstance(reference, FileReference) else value


def _stored_alike(slot: SecretSlot, held: _Held) -> SecretAddress | None:
    """Where the same resource holds a secret of the same reference: at its own address first."""
    if held.written.get(slot.address) == slot.written:
        return slot.address
    own = held.by_resource.get(ResourceId(slot.address.kind, slot.address.name), ())
    return min((address for address in own if held.written[address] == slot.written), default=None)


def _key_complaint(value: str) -> str | None:
    if " " in value:
        return "the key holds a blank, which no client can send"
    if len(value) < BROUGHT_KEY_MIN_CHARACTERS:
        return f"the key has {len(value)} characters; at least {BROUGHT_KEY_MIN_CHARACTERS} are needed"
    if is_mistyped(value):
        return (
            "the key begins with tpk_ but its checksum is wrong: it is mistyped, or was not made by Turnpike"
        )
    return None


def _repeated_keys(settled: list[Fresh | Kept]) -> Iterator[Fault]:
    first: dict[str, SecretSlot] = {}
    for one in settled:
        if isinstance(one, Fresh) and one.slot.form == "key":
            other = first.setdefault(one.value.reveal(), one.slot)
            if other is not one.slot:
                yield _fault(
                    one.slot,
                    f"is the same secret as that of keys/{other.address.name} (line {other.place.line})",
                )


def _mending(id_: str) -> str:
    scheme, _, rest = id_.partition(":")
    return f"set the variable {rest}" if scheme == "env" else f"is {shown(rest)} there and readable?"


def _fault(slot: SecretSlot, message: str) -> Fault:
    return Fault(slot.file, slot.place.line, slot.place.column, slot.path, message)
