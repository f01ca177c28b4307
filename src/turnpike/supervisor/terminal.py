"""Who watches the supervisor."""

from __future__ import annotations

from typing import Protocol


class Terminal(Protocol):
    """The person who watches, and whoever looks for the processes."""

    def say(self, text: str) -> None:
        """Show words that belong to no log."""

    def say_once(self, text: str) -> None:
        """Show words that nobody can be told again where they are not buried: with the last words of the start."""

    def complain(self, text: str) -> None:
        """Show what went wrong."""

    def note_process(self, role: str, pid: int | None) -> None:
        """Keep which process the role runs in now; None: it has ended."""
