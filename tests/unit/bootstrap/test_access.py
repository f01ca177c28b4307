"""Where a command looks for control, and to whom it shows the home's token."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from turnpike.adapters.machine.lock import HomeLock
from turnpike.bootstrap.access import control_url, is_this_machine
from turnpike.bootstrap.configuration import ALL_SETTINGS
from turnpike.bootstrap.home import existing_seal, opened_seal, prepare_home
from turnpike.bootstrap.running import Running, note_running, running_at
from turnpike.settings import Settings, read_settings, settings_of


def settings(home: Path, **variables: str) -> Settings:
    environ = {f"TURNPIKE_{name}".upper(): text for name, text in variables.items()}
    return settings_of(read_settings(ALL_SETTINGS, {"TURNPIKE_HOME": str(home), **environ}, {}))


def a_running(pid: int) -> Running:
    return Running(pid, "1.0", "http://127.0.0.1:1", "http://127.0.0.1:2")


def test_control_is_where_it_is_set_to_be(tmp_path: Path) -> None:
    assert control_url(settings(tmp_path, control_url="https://control.example.com/")) == (
        "https://control.example.com"
    )


def test_control_is_where_the_running_supervisor_noted_it(tmp_path: Path) -> None:
    prepare_home(tmp_path)
    note_running(tmp_path, a_running(os.getpid()))
    lock = HomeLock(tmp_path)
    assert control_url(settings(tmp_path)) == "http://127.0.0.1:2"
    lock.release()


def test_a_note_of_a_supervisor_that_is_gone_counts_for_nothing(tmp_path: Path) -> None:
    prepare_home(tmp_path)
    note_running(tmp_path, a_running(os.getpid()))
    assert running_at(tmp_path) is None
    assert control_url(settings(tmp_path)) == "http://127.0.0.1:8081"


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("http://127.0.0.1:8081", True),
        ("http://localhost:9", True),
        ("http://[::1]:8081", True),
        ("http://10.0.0.5:8081", True),
        ("http://10.0.0.6:8081", False),
        ("https://control.example.com", False),
    ],
)
def test_only_this_machine_is_shown_the_homes_token(tmp_path: Path, url: str, ours: bool) -> None:
    assert is_this_machine(url, settings(tmp_path, control_listen="10.0.0.5:8081")) is ours


def test_a_home_without_a_master_key_gives_no_token_and_makes_none(tmp_path: Path) -> None:
    assert existing_seal(settings(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_the_first_start_makes_a_home_that_only_its_user_can_read(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    prepare_home(home)
    opened_seal(settings(home))
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "master.key").stat().st_mode & 0o777 == 0o600
