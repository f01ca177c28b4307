"""References to secrets: `${env:NAME}`, `${file:path}`, and `${sealed:…}` for what is stored."""

from __future__ import annotations

import re

import msgspec

_REFERENCE = re.compile(r"\$\{([^{}\n]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Hidden:
    """A secret in the clear, on its way to the seal; nothing prints, compares or encodes it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself."""
        return self._value

    def __repr__(self) -> str:
        return "Hidden(…)"


class EnvReference(msgspec.Struct, frozen=True, gc=False):
    """A variable of the environment where `apply` runs."""

    name: str

    @property
    def id(self) -> str:
        """As a document's `secrets` names it: `env:NAME`."""
        return f"env:{self.name}"


class FileReference(msgspec.Struct, frozen=True, gc=False):
    """A file's text where `apply` runs, without the line break at its end."""

    path: str

    @property
    def id(self) -> str:
        """As a document's `secrets` names it: `file:path`."""
        return f"file:{self.path}"


class SealedReference(msgspec.Struct, frozen=True, gc=False):
    """What is stored at `address` (`KIND/NAME/FIELD`): how an export stands in for a secret without a reference."""

    address: str

    @property
    def id(self) -> str:
        """`sealed:KIND/NAME/FIELD`."""
        return f"sealed:{self.address}"


Outside = EnvReference | FileReference
"""A reference that is resolved where `apply` runs."""

Reference = EnvReference | FileReference | SealedReference

Part = Hidden | EnvReference | FileReference | SealedReference


def parse_parts(text: str) -> tuple[Part, ...]:
    """The text as literal parts and references, in order.

    Raises ValueError, without the text in its message, where a `${…}` is none of the three forms.
    """
    raise NotImplementedError


def find_references(text: str) -> tuple[Outside, ...]:
    """The references anywhere in a document's text, each once: what to resolve before sending it."""
    raise NotImplementedError
