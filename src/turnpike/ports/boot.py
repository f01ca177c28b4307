"""The machine's start, as far as it can be told apart from the one before."""

from __future__ import annotations

from typing import Protocol


class Boot(Protocol):
    """The same for every process of a machine until it is started again."""

    @property
    def id(self) -> str:
        """Which start it is; hexadecimal digits and dashes."""

    def elapsed_ns(self) -> int:
        """Nanoseconds since then, those in which the machine slept among them; nobody can set it."""
