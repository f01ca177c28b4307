"""System: a start that cannot succeed says so before it makes anything, and one that half succeeds says which half."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.authority import Authority
from tests.system.running import BOUND_SECONDS, Process, an_environment, run_command, status_of

LACKING = """
import sys
sys.modules["sqlalchemy"] = None
sys.argv = ["turnpike", {command!r}]
from turnpike.cli import main
main()
"""
"""A command where control's packages are not installed."""


@pytest.mark.parametrize("command", ["up", "control"])
def test_what_needs_controls_packages_says_how_they_are_installed(tmp_path: Path, command: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LACKING.format(command=command)],
        env=an_environment(tmp_path / "home"),
        cwd=tmp_path,
        text=True,
        capture_output=True,
        timeout=BOUND_SECONDS,
        check=False,
    )
    assert ended.returncode == 78
    (line,) = ended.stderr.splitlines()
    assert line.startswith("turnpike: sqlalchemy is not installed")
    assert 'pip install "turnpike-ai[control]"' in line
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("command", ["up", "gateway"])
def test_a_certificate_without_its_key_is_said_before_anything_starts(tmp_path: Path, command: str) -> None:
    Authority(tmp_path)
    certificate = tmp_path / "server.pem"
    alone = tmp_path / "c.pem"
    text = certificate.read_text()
    alone.write_text(text[text.index("-----BEGIN CERTIFICATE") :].partition("-----BEGIN PRIVATE")[0])
    environ = an_environment(tmp_path / "home", TURNPIKE_TLS_CERTIFICATE=str(alone))
    refused = run_command([command], environ, tmp_path)
    assert refused.returncode == (1 if command == "up" else 78)
    assert f"{alone} holds no PEM key: set TURNPIKE_TLS_KEY" in refused.stderr
    assert refused.stdout == ""
    assert not (tmp_path / "home").exists()


def test_a_start_without_a_store_says_that_nothing_is_served_yet(tmp_path: Path) -> None:
    environ = an_environment(
        tmp_path / "home", TURNPIKE_STORE_URL="postgresql://turnpike:pw@127.0.0.1:1/turnpike"
    )
    with Process(["up"], environ, tmp_path) as up:
        said = up.wait_for_words("control is not ready")
        assert "no snapshot" in said
        assert "refuses calls" in said
        assert "(0 of 1 workers ready)" in up.wait_for_words("workers ready")
        assert "not ready" in up.wait_for_words("  control  ")
        assert status_of(up.url("gateway") + "/readyz") == 503
