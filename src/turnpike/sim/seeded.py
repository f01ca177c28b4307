"""Ids and numbers that follow from a seed and a request alone, so that a run can be repeated."""

from __future__ import annotations

import hashlib

import msgspec

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Source(msgspec.Struct, frozen=True):
    """Gives the same id for the same label, always; another `key` gives others."""

    key: bytes

    def hexadecimal(self, label: str, length: int) -> str:
        """`length` lower-case hexadecimal digits."""
        return self._bytes(label, (length + 1) // 2).hex()[:length]

    def alphanumeric(self, label: str, length: int) -> str:
        """`length` letters and digits."""
        return "".join(ALPHABET[byte % 62] for byte in self._bytes(label, length))

    def unit(self, label: str) -> float:
        """A number from 0 up to, not including, 1."""
        return int.from_bytes(self._bytes(label, 6), "big") / 2**48

    def _bytes(self, label: str, count: int) -> bytes:
        return hashlib.shake_128(self.key + b"\0" + label.encode()).digest(count)


def source_of(seed: str, *parts: bytes) -> Source:
    """The source for one request under one seed."""
    digest = hashlib.blake2b(seed.encode(), digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return Source(digest.digest())
