"""Locks and ports of this machine."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from turnpike.adapters.machine.lock import HomeInUse, HomeLock, holder_of
from turnpike.adapters.machine.ports import PortTaken, bind_shared, check_free, reserve


def test_a_home_that_is_held_is_refused_with_the_process_that_holds_it(tmp_path: Path) -> None:
    HomeLock(tmp_path)
    with pytest.raises(HomeInUse, match=f"in use by process {os.getpid()}"):
        HomeLock(tmp_path)
    assert holder_of(tmp_path) == os.getpid()


def test_a_home_that_was_released_can_be_held_again(tmp_path: Path) -> None:
    HomeLock(tmp_path).release()
    assert holder_of(tmp_path) is None
    HomeLock(tmp_path).release()


def test_a_home_that_is_not_there_is_held_by_nobody(tmp_path: Path) -> None:
    assert holder_of(tmp_path / "none") is None


def test_a_port_that_somebody_listens_on_is_taken_and_it_is_said_by_whom() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"taken by process {os.getpid()}") as caught:
            check_free("127.0.0.1", port)
        assert caught.value.holder is not None


def test_a_port_is_taken_even_by_one_who_shares_it() -> None:
    with bind_shared("127.0.0.1", 0) as other:
        other.listen()
        with pytest.raises(PortTaken):
            reserve("127.0.0.1", other.getsockname()[1]).close()


def test_a_reserved_port_is_closed_to_strangers_and_open_to_our_own() -> None:
    with reserve("127.0.0.1", 0) as reserved:
        port = reserved.getsockname()[1]
        with pytest.raises(PortTaken):
            check_free("127.0.0.1", port)
        with bind_shared("127.0.0.1", port) as ours:
            ours.listen()
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                pass
