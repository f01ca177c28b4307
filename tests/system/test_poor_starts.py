"""System: a start that cannot succeed says so before it makes anything, and one that half succeeds says which half."""

from __future__ import annotations

import json
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.system.authority import Authority
from tests.system.running import BOUND_SECONDS, Process, an_environment, run_command, status_of
from turnpike import __version__
from turnpike.adapters.sql.store import open_sqlite_store
from turnpike.bootstrap.home import STORE_NAME

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
    assert 'in Turnpike\'s clone, pip install ".[control]"' in line
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


def test_a_fault_of_our_own_at_the_start_is_one_event_of_the_log(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    store = open_sqlite_store(home / STORE_NAME)
    store.migrate()
    store.close()
    with closing(sqlite3.connect(home / STORE_NAME)) as connection, connection:
        connection.execute("INSERT INTO resources VALUES ('of another release', 'x', 'o', '{}', 1, 1, 1)")
    failed = run_command(["control"], an_environment(home), tmp_path)
    assert failed.returncode == 1
    (event,) = [json.loads(line) for line in failed.stderr.splitlines()]
    assert (event["event"], event["level"], event["role"]) == ("role.failed", "critical", "control")
    assert "start with the configuration and the release that worked last" in event["mend"]
    assert "Traceback" in event["exception"]


def test_a_command_beside_no_running_home_names_the_home_that_it_looked_at(tmp_path: Path) -> None:
    environ = an_environment(tmp_path / "home", TURNPIKE_CONTROL_LISTEN="127.0.0.1:1")
    refused = run_command(["models"], environ, tmp_path)
    assert refused.returncode == 1
    assert f"no `turnpike up` runs on the home {tmp_path / 'home'}" in refused.stderr
    assert "TURNPIKE_HOME" in refused.stderr


def test_a_command_that_was_told_a_wrong_address_is_told_by_what(tmp_path: Path) -> None:
    environ = an_environment(tmp_path / "home", TURNPIKE_CONTROL_URL="http://127.0.0.1:1")
    refused = run_command(["models"], environ, tmp_path)
    assert refused.returncode == 1
    assert "said to be there by TURNPIKE_CONTROL_URL" in refused.stderr


def test_a_variable_that_points_a_vendors_sdk_at_this_gateway_makes_no_provider(tmp_path: Path) -> None:
    here = {"OPENAI_API_KEY": "tpk_of_a_caller", "TURNPIKE_GATEWAY_LISTEN": f"127.0.0.1:{a_free_port()}"}
    here["OPENAI_BASE_URL"] = f"http://{here['TURNPIKE_GATEWAY_LISTEN']}/v1"
    with Process(["up"], an_environment(tmp_path / "home", **here), tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
        (event,) = up.wait_for_event("provider.left_out")
        assert any("no provider yet" in line for line in up.said)
    assert event["variable"] == "OPENAI_BASE_URL"
    assert "own address" in str(event["reason"])
    assert "tpk_of_a_caller" not in up.account


def test_the_address_in_an_sdks_variable_is_the_providers(tmp_path: Path) -> None:
    there = {"OPENAI_API_KEY": "sk-x", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    environ = an_environment(tmp_path / "home", **there)
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
        shown = run_command(["get", "providers", "openai", "--json"], environ, tmp_path)
    assert '"http://127.0.0.1:9/v1"' in shown.stdout, shown.stderr


def test_the_version_is_a_flag_too(tmp_path: Path) -> None:
    shown = run_command(["--version"], an_environment(tmp_path), tmp_path)
    assert (shown.returncode, shown.stdout) == (0, f"turnpike {__version__}\n")


def a_free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
