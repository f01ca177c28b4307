"""`make demo` shows what it promises, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import sys

from tests.architecture.tree import REPOSITORY

WITHIN_SECONDS = 60


def test_the_demo_goes_as_expected() -> None:
    command = [sys.executable, str(REPOSITORY / "demo" / "run.py")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_SECONDS)
    assert run.returncode == 0, run.stdout + run.stderr
    for scene in (
        "An answer",
        "A stream",
        "A tool call",
        "403 model_not_allowed",
        "401 invalid_key",
        "A cut stream",
    ):
        assert scene in run.stdout
    assert "was killed" not in run.stdout
