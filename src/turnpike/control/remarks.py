"""What a text says of providers and secrets that is allowed but likely a mistake, whatever is in store."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from urllib.parse import urlsplit

from turnpike.control.document.fault import Fault
from turnpike.control.document.kind import ResourceId
from turnpike.control.document.reader import ProviderKinds
from turnpike.control.document.reading import Reading
from turnpike.control.document.reference import Hidden
from turnpike.control.document.secret import SecretSlot
from turnpike.control.plan import MAX_REMARKS
from turnpike.control.resources.provider import Provider
from turnpike.control.resources.table import id_of
from turnpike.domain.provider import ProviderKind

_VERSION = re.compile(r"v[0-9]")
_SHELL_VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*\Z")


def provider_remarks(reading: Reading, kinds: ProviderKinds) -> tuple[Fault, ...]:
    """A remark on each `base_url` behind which the kind's own paths lead nowhere that is usual."""
    said = (
        remark_on(reading, id_of(provider), complaint)
        for provider in reading.resources
        if isinstance(provider, Provider)
        and (complaint := _base_url_complaint(kinds[provider.kind], provider.base_url))
    )
    return tuple(islice(said, MAX_REMARKS))


def circle_remarks(reading: Reading, leads_back: Callable[[str], bool]) -> tuple[Fault, ...]:
    """A remark on each provider whose address is this very gateway's: its calls would go round in a ring."""
    return tuple(
        remark_on(reading, id_of(provider), _CIRCLE)
        for provider in reading.resources
        if isinstance(provider, Provider) and provider.base_url is not None and leads_back(provider.base_url)
    )


def shell_variable_remarks(reading: Reading) -> tuple[Fault, ...]:
    """A remark on each secret that is written as a shell writes a variable: nobody replaces it here."""
    return _on_slots(reading, (slot for slot in _literal(reading) if _is_shell_variable(slot)), _SHELL)


def written_out_remarks(reading: Reading) -> tuple[Fault, ...]:
    """A remark on each secret that stands in a document itself, where whoever reads the file reads it."""
    return _on_slots(
        reading, (slot for slot in _literal(reading) if not _is_shell_variable(slot)), _WRITTEN_OUT
    )


def remark_on(reading: Reading, id_: ResourceId, message: str) -> Fault:
    """A remark on a resource that the text names."""
    place = reading.named[id_]
    return Fault(reading.file, place.line, place.column, str(id_), message)


_SHELL = (
    "is written as a shell writes a variable, and is taken as the secret itself: write ${env:NAME} for the variable's"
    " value"
)
_CIRCLE = (
    "base_url is this gateway's own address, which is for callers: its calls would come back here; give the address"
    " of the server behind it"
)
_WRITTEN_OUT = "the secret itself stands in the document, for all who read it: write ${env:NAME} or ${file:PATH} in its place"


def _base_url_complaint(kind: ProviderKind, base_url: str | None) -> str | None:
    if base_url is None or not kind.paths:
        return None
    path = urlsplit(base_url).path.rstrip("/")
    own = (*kind.paths.values(), kind.models_path)
    added = next((end for end in sorted(own, key=len, reverse=True) if path.endswith(end)), None)
    if added is not None:
        return f"base_url ends in {added}, which each call adds by itself: {_up_to(kind)}"
    versions = [step for step in path.split("/") if _VERSION.match(step)]
    if _adds_version(kind):
        if path.endswith("/v1"):
            return f"base_url ends in /v1, which each call of kind {kind.name} adds by itself: {_up_to(kind)}"
    elif not versions:
        return f"base_url has no version in its path, and calls of kind {kind.name} add none: {_up_to(kind)}"
    return None


def _adds_version(kind: ProviderKind) -> bool:
    return all(path.startswith("/v1/") for path in kind.paths.values())


def _up_to(kind: ProviderKind) -> str:
    if _adds_version(kind):
        return "it goes up to what comes before /v1, as https://host"
    return "it goes up to and with /v1 as a rule, as https://host/v1"


def _literal(reading: Reading) -> Iterator[SecretSlot]:
    return (slot for slot in reading.secrets if all(isinstance(part, Hidden) for part in slot.parts))


def _is_shell_variable(slot: SecretSlot) -> bool:
    text = "".join(part.reveal() for part in slot.parts if isinstance(part, Hidden))
    return _SHELL_VARIABLE.match(text) is not None


def _on_slots(reading: Reading, slots: Iterable[SecretSlot], message: str) -> tuple[Fault, ...]:
    return tuple(
        Fault(reading.file, slot.place.line, slot.place.column, slot.path, message)
        for slot in islice(slots, MAX_REMARKS)
    )
