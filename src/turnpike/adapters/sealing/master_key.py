"""Where the master key comes from: a text that was given, or a file, made at the first start."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path

from turnpike.adapters.sealing.seal import MASTER_KEY_BYTES
from turnpike.files import read_named_file
from turnpike.ports.randomness import Randomness

FILE_MODE = 0o600
_FILE_MAX_BYTES = 1024


def parse_master_key(text: str) -> bytes:
    """The master key that `text` spells: 64 hexadecimal digits, or base64 of 32 bytes.

    Raises ValueError, which does not repeat the text.
    """
    text = text.strip()
    for spelled in (bytes.fromhex, _from_base64):
        try:
            key = spelled(text)
        except (ValueError, binascii.Error):
            continue
        if len(key) == MASTER_KEY_BYTES:
            return key
    raise ValueError(
        f"a master key is {MASTER_KEY_BYTES} bytes, written as {2 * MASTER_KEY_BYTES} hexadecimal digits or as base64"
        f" (make one with: openssl rand -hex {MASTER_KEY_BYTES})"
    )


def read_master_key(path: Path) -> bytes:
    """The master key in the file at `path`. Raises ValueError where it holds none, OSError where it cannot be read."""
    data = read_named_file(path, _FILE_MAX_BYTES)
    if len(data) == MASTER_KEY_BYTES:
        return data
    try:
        return parse_master_key(data.decode("ascii", "replace"))
    except ValueError as fault:
        raise ValueError(f"{path}: {fault}") from None


def ensure_master_key(path: Path, randomness: Randomness) -> bytes:
    """The master key in `path`, a file of mode 600 that is made where there is none.

    Two that make it at once agree on one. Raises ValueError where the file holds no key or others may read it.
    """
    if not path.exists():
        _make(path, randomness)
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise ValueError(
            f"{path} has mode {mode:o}: others on this machine may read it; mend with: chmod 600 {path}"
        )
    return read_master_key(path)


def _make(path: Path, randomness: Randomness) -> None:
    fresh = path.with_name(f".{path.name}.{randomness.take(8).hex()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(randomness.take(MASTER_KEY_BYTES).hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # A link never replaces: the first of two that start at once wins, and the file is whole from its first moment.
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()


def _from_base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
