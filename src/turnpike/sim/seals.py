"""Opaque values that a provider gives out and wants back unchanged: signatures and sealed reasoning."""

from __future__ import annotations

import base64
import binascii
import hashlib

MARK = b"turnpike sim: simulated reasoning "


def sign(text: str) -> str:
    """The signature of a thinking text, in base64."""
    return base64.b64encode(MARK + hashlib.blake2b(text.encode(), digest_size=32).digest()).decode()


def is_signed(text: str, signature: str) -> bool:
    """Whether `sign` gave this signature for this text; for an empty text, for any text."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    return raw.startswith(MARK) and (not text or signature == sign(text))


def seal(text: str) -> str:
    """The text as encrypted reasoning looks like: opaque to the caller (though nothing is secret here)."""
    return "gAAAAAB" + base64.urlsafe_b64encode(MARK + text.encode()).decode()


def is_sealed(sealed: str) -> bool:
    """Whether `seal` gave this out, unchanged."""
    try:
        raw = base64.urlsafe_b64decode(sealed.removeprefix("gAAAAAB"))
    except (binascii.Error, ValueError):
        return False
    return sealed.startswith("gAAAAAB") and raw.startswith(MARK)
