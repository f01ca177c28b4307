"""What a person sees at the first start: the words that matter, the key that is shown once as the last of them."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from pathlib import Path

from tests.system.running import BOUND_SECONDS, COMMAND, Process, an_environment

CONFIG = """\
providers:
  - {name: local, kind: openai-compatible, base_url: "http://127.0.0.1:9/v1"}
models:
  - {name: fast, targets: [{provider: local, model: fast}]}
teams:
  - {name: research, models: [fast]}
"""
LAST_WORDS = "Ctrl-C stops it."
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def test_at_a_terminal_the_first_key_is_not_buried_under_the_log(tmp_path: Path) -> None:
    (tmp_path / "turnpike.yaml").write_text(CONFIG)
    lines = shown_at_a_terminal(tmp_path)
    assert re.fullmatch(r"key administrator \(shown once\): tpk_\w{38}", lines[-2]), lines
    assert sum("shown once" in line for line in lines) == 1
    # The first configuration is one line, and not one for each of its resources.
    assert lines.count("turnpike.yaml is applied (3 changes)") == 1
    assert [line for line in lines if "configuration." in line or "snapshot.published" in line] == []
    assert "role.ready" in "".join(lines)


def test_a_log_that_is_kept_has_every_change_of_the_first_start(tmp_path: Path) -> None:
    (tmp_path / "turnpike.yaml").write_text(CONFIG)
    with Process(["up"], an_environment(tmp_path / "home"), tmp_path) as up:
        up.wait_for_words(LAST_WORDS)
        changes = up.wait_for_event("configuration.changed", times=4)
    assert {change["name"] for change in changes} == {"administrator", "local", "fast", "research"}
    assert all(change["digest"] and change["details_of"] == "start" for change in changes)


def test_a_control_that_other_machines_reach_is_said_to_be_in_plain_http(tmp_path: Path) -> None:
    environ = an_environment(tmp_path / "home", TURNPIKE_CONTROL_LISTEN="0.0.0.0:0")
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words(LAST_WORDS)
        assert "every other address of this machine" in up.wait_for_words("  control  ")
        assert up.wait_for_words("plain HTTP")
        (warned,) = up.wait_for_event("control.plain_http")
        assert str(warned["listen"]).startswith("0.0.0.0:")


def shown_at_a_terminal(folder: Path) -> list[str]:
    """The lines of `turnpike up` with a terminal for its output and its log, until it has started; then it is ended."""
    watching, terminal = pty.openpty()
    up = subprocess.Popen(
        [*COMMAND, "up"],
        env=an_environment(folder / "home"),
        cwd=folder,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        return COLOURS.sub("", read_until(watching, LAST_WORDS)).splitlines()
    finally:
        up.send_signal(signal.SIGTERM)
        drain(watching)
        up.wait(BOUND_SECONDS)
        os.close(watching)


def read_until(descriptor: int, words: str) -> str:
    until, shown = time.monotonic() + BOUND_SECONDS, ""
    while words not in shown:
        assert time.monotonic() < until, shown
        if select.select([descriptor], [], [], 0.1)[0]:
            shown += os.read(descriptor, 65_536).decode()
    return shown


def drain(descriptor: int) -> None:
    """Read on until the other end is closed, so that nobody waits for a full terminal."""
    while True:
        try:
            os.read(descriptor, 65_536)
        except OSError:
            return
