"""Unpredictable bytes, for ids, keys and sealing."""

from __future__ import annotations

from typing import Protocol


class Randomness(Protocol):
    """A source that nobody can predict (in tests: one that everybody can)."""

    def take(self, count: int) -> bytes:
        """`count` fresh bytes."""
