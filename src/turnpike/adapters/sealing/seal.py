"""A Seal on AES-256-GCM: one key per purpose, derived from the master key.

A closed secret is `version (1 byte) | nonce (12) | ciphertext and tag`, the purpose being its
associated data. Each purpose has two derived keys (HKDF-SHA256, RFC 5869), one for closing and one
for digests, so that neither purposes nor uses can pass for one another. A digest is keyed BLAKE2b
(RFC 7693, 2.9): a third of the time of an HMAC, and one is made for every call.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from turnpike.ports.randomness import Randomness

MASTER_KEY_BYTES = 32
VERSION = 1
NONCE_BYTES = 12
TAG_BYTES = 16
DIGEST_BYTES = 32


class MasterKeySeal:
    """Closes, opens and digests under a master key of `MASTER_KEY_BYTES` bytes."""

    def __init__(self, master_key: bytes, randomness: Randomness) -> None:
        if len(master_key) != MASTER_KEY_BYTES:
            raise ValueError(f"a master key has {MASTER_KEY_BYTES} bytes, not {len(master_key)}")
        self._master_key = master_key
        self._randomness = randomness
        self._ciphers: dict[str, AESGCM] = {}
        self._digest_keys: dict[str, bytes] = {}

    def close(self, secret: bytes, purpose: str) -> bytes:
        nonce = self._randomness.take(NONCE_BYTES)
        return bytes((VERSION,)) + nonce + self._cipher(purpose).encrypt(nonce, secret, purpose.encode())

    def open(self, closed: bytes, purpose: str) -> bytes:
        if len(closed) < 1 + NONCE_BYTES + TAG_BYTES:
            raise ValueError("a sealed secret is cut short")
        if closed[0] != VERSION:
            raise ValueError(f"a sealed secret has version {closed[0]}; this release reads version {VERSION}")
        nonce, ciphertext = closed[1 : 1 + NONCE_BYTES], closed[1 + NONCE_BYTES :]
        try:
            return self._cipher(purpose).decrypt(nonce, ciphertext, purpose.encode())
        except InvalidTag:
            raise ValueError(f"a sealed {purpose} was changed, or closed under another master key") from None

    def digest(self, secret: bytes, purpose: str) -> bytes:
        key = self._digest_keys.get(purpose)
        if key is None:
            key = self._digest_keys[purpose] = self._derived("digest", purpose)
        return hashlib.blake2b(secret, key=key, digest_size=DIGEST_BYTES).digest()

    def _cipher(self, purpose: str) -> AESGCM:
        cipher = self._ciphers.get(purpose)
        if cipher is None:
            cipher = self._ciphers[purpose] = AESGCM(self._derived("close", purpose))
        return cipher

    def _derived(self, use: str, purpose: str) -> bytes:
        info = f"turnpike/{VERSION}/{use}/{purpose}".encode()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._master_key)
