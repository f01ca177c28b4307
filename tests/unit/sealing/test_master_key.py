"""The master key: made once with mode 600, read in each of its forms, refused when others may read it."""

from __future__ import annotations

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from turnpike.adapters.sealing.master_key import ensure_master_key, parse_master_key, read_master_key
from turnpike.adapters.system.randomness import SystemRandomness

KEY = bytes(range(32))


def test_a_missing_file_is_made_for_its_owner_only_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    key = ensure_master_key(path, SystemRandomness())
    assert len(key) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ensure_master_key(path, SystemRandomness()) == key == read_master_key(path)
    assert os.listdir(tmp_path) == ["master.key"]  # noqa: PTH208 (names alone)


def test_those_that_make_it_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: ensure_master_key(tmp_path / "k", SystemRandomness()), range(8)))
    assert len(keys) == 1


@pytest.mark.parametrize("text", [KEY.hex(), KEY.hex().upper() + "\n", base64.b64encode(KEY).decode()])
def test_it_is_read_in_hexadecimal_and_base64(text: str) -> None:
    assert parse_master_key(text) == KEY


@pytest.mark.parametrize(
    "text", ["", "too short", KEY.hex()[:-2], "z" * 64, base64.b64encode(KEY[:-1]).decode()]
)
def test_another_text_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="64 hexadecimal digits") as told:
        parse_master_key(text)
    assert not text or text not in str(told.value)


def test_a_file_of_raw_bytes_is_read(tmp_path: Path) -> None:
    (tmp_path / "k").write_bytes(KEY)
    assert read_master_key(tmp_path / "k") == KEY


def test_a_file_that_holds_no_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("nothing of the kind")
    with pytest.raises(ValueError, match="/k: a master key is"):
        read_master_key(tmp_path / "k")


def test_a_file_that_others_may_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "k"
    path.write_text(KEY.hex())
    path.chmod(0o640)
    with pytest.raises(ValueError, match="chmod 600"):
        ensure_master_key(path, SystemRandomness())
