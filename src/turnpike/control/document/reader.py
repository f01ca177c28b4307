"""What is collected while one document is read: faults, and what resources say of one another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from turnpike.control.document.fault import Fault, Path, Place, fault_at, path_text
from turnpike.control.document.kind import ResourceId
from turnpike.control.document.names import suggestion
from turnpike.control.document.secret import SecretAddress, SecretSlot
from turnpike.domain.provider import ProviderKind

MAX_FAULTS = 500
"""After so many faults a document is read no further."""

ProviderKinds = Mapping[str, ProviderKind]


class Mention(msgspec.Struct, frozen=True):
    """A place where a resource names another."""

    source: ResourceId
    target: ResourceId
    place: Place
    path: str


class Reader:
    """Collects while shapes read; `subject` is the resource in hand, `base` the length of its path."""

    def __init__(self, file: str, providers: ProviderKinds) -> None:
        self.file = file
        self.providers = providers
        self.faults: list[Fault] = []
        self.links: list[Mention] = []
        self.allowed_models: list[Mention] = []
        self.secrets: list[SecretSlot] = []
        self.subject = ResourceId("", "")
        self.base = 0

    def fault(
        self, place: Place, path: Path, message: str, *, found: str = "", known: Iterable[str] = ()
    ) -> None:
        """Note a fault; with `found`, the message ends in the nearest of `known`."""
        if len(self.faults) >= MAX_FAULTS:
            return
        ending = suggestion(found, known) if found else ""
        self.faults.append(fault_at(self.file, place, path, message + ending))

    def link(self, kind: str, name: str, place: Place, path: Path) -> None:
        """Note that the resource in hand names another."""
        self.links.append(Mention(self.subject, ResourceId(kind, name), place, path_text(path)))

    def allow_model(self, name: str, place: Place, path: Path) -> None:
        """Note that the resource in hand allows a model by its plain name."""
        self.allowed_models.append(Mention(self.subject, ResourceId("models", name), place, path_text(path)))

    def address(self, path: Path) -> SecretAddress:
        """The address of the secret at `path` of the resource in hand."""
        return SecretAddress(self.subject.kind, self.subject.name, path_text(path[self.base :]))
