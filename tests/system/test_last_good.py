"""System: a gateway that starts without control, from a last good snapshot that is not what it was."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.running import Process, an_environment, status_of

ADMIN_KEY = "an-administrators-key-1"


def _flip_a_bit(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _make_a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize("harm", [_flip_a_bit, _make_a_pipe])
def test_a_harmed_snapshot_is_not_served_and_holds_nothing_up(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    environ = an_environment(tmp_path / "home", TURNPIKE_ADMIN_KEY=ADMIN_KEY)
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
    file = tmp_path / "home" / "snapshot" / "current"
    harm(file)
    environ["TURNPIKE_CONTROL_URL"] = "http://127.0.0.1:9"
    with Process(["gateway"], environ, tmp_path) as gateway:
        (listening,) = gateway.wait_for_event("worker.listening")
        assert status_of(f"http://127.0.0.1:{listening['port']}/v1/models", ADMIN_KEY) == 503
        (refused,) = gateway.wait_for_event("snapshot.unreadable")
        assert refused["file"] == str(file)
        assert "bring control within reach" in str(refused["mend"])
        gateway.send(signal.SIGTERM)
        assert gateway.ended() == 0


def test_control_s_return_puts_a_good_snapshot_in_a_harmed_one_s_place(tmp_path: Path) -> None:
    environ = an_environment(tmp_path / "home", TURNPIKE_ADMIN_KEY=ADMIN_KEY)
    file = tmp_path / "home" / "snapshot" / "current"
    for _ in range(2):
        with Process(["up"], environ, tmp_path) as up:
            up.wait_for_words("Ctrl-C stops it")
            assert status_of(up.url("gateway") + "/v1/models", ADMIN_KEY) == 200
        assert file.is_file()
        _make_a_pipe(file)
