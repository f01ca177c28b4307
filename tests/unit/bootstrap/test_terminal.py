"""What the supervisor shows and notes never ends the roles that it keeps running."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from turnpike.bootstrap.terminal import StandardStreams


def test_processes_are_noted_while_they_run(tmp_path: Path) -> None:
    streams = StandardStreams(tmp_path)
    streams.note_process("control", 12)
    assert (tmp_path / "control.pid").read_text() == "12\n"
    streams.note_process("control", None)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_no_fault(tmp_path: Path) -> None:
    StandardStreams(tmp_path / "gone").note_process("control", 12)
    assert list(tmp_path.iterdir()) == []


def test_what_is_said_once_comes_with_the_last_words_of_the_start_and_then_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    streams = StandardStreams(tmp_path)
    streams.say_once("key one")
    streams.say("applied")
    streams.say_kept()
    streams.say_once("key two")
    streams.say_kept()
    assert capsys.readouterr().out == "applied\nkey one\nkey two\n"


def test_a_watcher_that_has_left_is_no_fault() -> None:
    program = (
        "import os; from pathlib import Path; from turnpike.bootstrap.terminal import StandardStreams\n"
        "StandardStreams(Path()).say('nobody reads this'); os._exit(7)"
    )
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = subprocess.run((sys.executable, "-c", program), stdout=writing, check=False)
    finally:
        os.close(writing)
    assert ended.returncode == 7
