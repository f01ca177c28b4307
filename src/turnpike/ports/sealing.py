"""Secrets: closed for rest, opened where they are used, and digests that recognise them."""

from __future__ import annotations

from typing import Final, Protocol

KEY_PURPOSE: Final = "key"
"""Digests of callers' keys."""

CREDENTIAL_PURPOSE: Final = "credential"
"""What providers are shown: credentials, secret headers, proxies' passwords."""

SNAPSHOT_PURPOSE: Final = "snapshot"
"""The last good snapshot, as a gateway keeps it."""

HOP_PURPOSE: Final = "hop"
"""Marks by which a gateway knows its own calls again."""

_NODE_PURPOSE: Final = "node-link"
_LOCAL_PURPOSE: Final = "local-admin"


class Seal(Protocol):
    """Closes secrets under the master key; a purpose keeps one kind from passing for another."""

    def close(self, secret: bytes, purpose: str) -> bytes:
        """The secret as it may be stored."""

    def open(self, closed: bytes, purpose: str) -> bytes:
        """The secret back. Raises ValueError where it was changed or closed under another key."""

    def digest(self, secret: bytes, purpose: str) -> bytes:
        """32 bytes that recognise the secret and give nothing of it away without the master key."""


def node_token(seal: Seal) -> str:
    """What gateway workers show control: proof that they have its master key."""
    return seal.digest(b"node", _NODE_PURPOSE).hex()


def local_token(seal: Seal) -> str:
    """What the command line on control's own machine shows in a key's place: proof that the home is at hand."""
    return seal.digest(b"local", _LOCAL_PURPOSE).hex()
