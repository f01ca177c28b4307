"""Keys: their form, and telling a mistyped one apart."""

from __future__ import annotations

import re

import pytest

from turnpike.domain.key import is_mistyped, mint_key

KEY = mint_key(bytes(range(32)))


def test_a_key_has_prefix_chance_and_checksum() -> None:
    assert re.fullmatch(r"tpk_[0-9A-Za-z]{38}", KEY)
    assert not is_mistyped(KEY)


def test_keys_of_different_chance_differ() -> None:
    assert len({mint_key(bytes([n]) * 32) for n in range(256)}) == 256


@pytest.mark.parametrize("at", range(4, 42))
def test_one_wrong_character_is_noticed(at: int) -> None:
    other = "x" if KEY[at] != "x" else "y"
    assert is_mistyped(KEY[:at] + other + KEY[at + 1 :])


@pytest.mark.parametrize("key", ["tpk_", KEY[:-1], KEY + "x", KEY[:20], "tpk_" + "é" * 38])
def test_a_cut_or_lengthened_key_is_mistyped(key: str) -> None:
    assert is_mistyped(key)


@pytest.mark.parametrize("key", ["sk-proj-abc", "", "TPK_x", "key-of-my-own-0001"])
def test_a_key_of_another_form_is_never_mistyped(key: str) -> None:
    assert not is_mistyped(key)
