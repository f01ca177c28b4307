"""Secrets: closed for rest, opened where they are used, and digests that recognise them."""

from __future__ import annotations

from typing import Protocol


class Seal(Protocol):
    """Closes secrets under the master key; a purpose keeps one kind from passing for another."""

    def close(self, secret: bytes, purpose: str) -> bytes:
        """The secret as it may be stored."""

    def open(self, closed: bytes, purpose: str) -> bytes:
        """The secret back. Raises ValueError where it was changed or closed under another key."""

    def digest(self, secret: bytes, purpose: str) -> bytes:
        """32 bytes that recognise the secret and give nothing of it away without the master key."""
