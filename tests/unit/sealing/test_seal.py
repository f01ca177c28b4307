"""Sealing: what is closed opens under its own master key and purpose only."""

from __future__ import annotations

import itertools

import pytest

from turnpike.adapters.sealing.seal import VERSION, MasterKeySeal


class CountedRandomness:
    """Bytes that never repeat."""

    def __init__(self) -> None:
        self._next = itertools.count(1)

    def take(self, count: int) -> bytes:
        return next(self._next).to_bytes(count, "big")


def a_seal(master_key: bytes = b"m" * 32) -> MasterKeySeal:
    return MasterKeySeal(master_key, CountedRandomness())


@pytest.mark.parametrize("secret", [b"", b"x", b"sk-secret" * 1000])
def test_what_was_closed_opens(secret: bytes) -> None:
    seal = a_seal()
    assert seal.open(seal.close(secret, "credential"), "credential") == secret


def test_it_opens_in_another_process_with_the_same_master_key() -> None:
    assert a_seal().open(a_seal().close(b"secret", "credential"), "credential") == b"secret"


def test_closing_twice_gives_nothing_alike() -> None:
    seal = a_seal()
    first, second = seal.close(b"secret", "credential"), seal.close(b"secret", "credential")
    assert first[1:] != second[1:]
    assert b"secret" not in first
    assert first[0] == VERSION


def test_it_opens_under_no_other_purpose_and_no_other_master_key() -> None:
    closed = a_seal().close(b"secret", "credential")
    with pytest.raises(ValueError, match="another master key"):
        a_seal().open(closed, "key")
    with pytest.raises(ValueError, match="another master key"):
        a_seal(b"x" * 32).open(closed, "credential")


def test_any_changed_byte_is_noticed() -> None:
    seal = a_seal()
    closed = seal.close(b"secret", "credential")
    for position in range(len(closed)):
        changed = bytearray(closed)
        changed[position] ^= 1
        with pytest.raises(ValueError, match="sealed"):
            seal.open(bytes(changed), "credential")


@pytest.mark.parametrize("length", [0, 1, 28])
def test_what_is_cut_short_is_named(length: int) -> None:
    with pytest.raises(ValueError, match="cut short"):
        a_seal().open(b"\x01" * length, "credential")


def test_a_digest_recognises_its_secret_under_its_purpose_and_master_key() -> None:
    digest = a_seal().digest(b"secret", "key")
    assert len(digest) == 32
    assert digest == a_seal().digest(b"secret", "key")
    others = [
        a_seal().digest(b"secrez", "key"),
        a_seal().digest(b"secret", "audit"),
        a_seal(b"x" * 32).digest(b"secret", "key"),
    ]
    assert digest not in others


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_master_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        a_seal(b"m" * length)
