"""Turnpike keys: `tpk_`, 32 characters of chance, 6 characters of checksum.

The checksum tells a mistyped key from an unknown one without a look-up, and lets secret scanners
be sure of what they found (the form of GitHub's tokens). 32 base62 characters carry 190 bits.
"""

from __future__ import annotations

import zlib

PREFIX = "tpk_"
BODY_CHARACTERS = 32
CHECKSUM_CHARACTERS = 6
KEY_CHARACTERS = len(PREFIX) + BODY_CHARACTERS + CHECKSUM_CHARACTERS
MINTING_BYTES = 32
BROUGHT_KEY_MIN_CHARACTERS = 20
"""A key brought from elsewhere may have any form of at least this length."""

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def mint_key(random32: bytes) -> str:
    """A fresh key from `MINTING_BYTES` unpredictable bytes."""
    body = _base62(int.from_bytes(random32, "big"), BODY_CHARACTERS)
    return PREFIX + body + _checksum(PREFIX + body)


def is_mistyped(key: str) -> bool:
    """Whether `key` claims to be one of ours and its checksum says that it is not."""
    if not key.startswith(PREFIX):
        return False
    if len(key) != KEY_CHARACTERS:
        return True
    split = KEY_CHARACTERS - CHECKSUM_CHARACTERS
    return key[split:] != _checksum(key[:split])


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), CHECKSUM_CHARACTERS)


def _base62(number: int, characters: int) -> str:
    """The last `characters` base-62 digits of `number`."""
    digits = []
    for _ in range(characters):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
