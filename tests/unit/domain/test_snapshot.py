"""The snapshot: its bytes and back, and ids of calls."""

from __future__ import annotations

import msgspec
import pytest

from turnpike.domain.ids import CHANCE_DIGITS, uuid7
from turnpike.domain.principal import Principal
from turnpike.domain.snapshot import (
    Access,
    Key,
    Model,
    Provider,
    Secret,
    Snapshot,
    Target,
    decode_snapshot,
    encode_snapshot,
)

SNAPSHOT = Snapshot(
    "v7", 7, 1, "acme",
    providers=(Provider("p", "openai", "https://api.example/v1", credentials=(b"\x00sealed",)),),
    models=(Model("fast", (Target("p", "gpt"),)),),
    keys=(Key("k", Principal("acme", "research"), (Secret(b"d" * 32),), Access((("fast",),))),),
)  # fmt: skip


def test_a_snapshot_comes_back_as_it_was() -> None:
    assert decode_snapshot(encode_snapshot(SNAPSHOT)) == SNAPSHOT


@pytest.mark.parametrize(
    "damaged", [b"", b"\x00", encode_snapshot(SNAPSHOT)[:-3], b"{}", encode_snapshot(SNAPSHOT) + b"x"]
)
def test_damaged_bytes_are_no_snapshot(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="not a snapshot"):
        decode_snapshot(damaged)


def test_another_format_is_refused_by_its_number() -> None:
    newer = msgspec.structs.replace(SNAPSHOT, format=2)
    with pytest.raises(ValueError, match="format 2 is not 1"):
        decode_snapshot(encode_snapshot(newer))


def test_a_caller_for_whom_nothing_was_said_may_use_nothing() -> None:
    assert Access().models == ((),)


def test_ids_sort_by_time_and_are_uuids_of_version_seven() -> None:
    ids = [uuid7(moment * 1_000_000, "f" * CHANCE_DIGITS) for moment in (1, 2, 300, 2**47)]
    assert ids == sorted(ids)
    assert {(one[14], one[19]) for one in ids} == {("7", "8")}
    assert uuid7(0, "0" * CHANCE_DIGITS) == "00000000-0000-7000-8000-000000000000"
