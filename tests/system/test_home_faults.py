"""A home that is removed, full or read-only is told as what it is."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.system.running import Process, an_environment, run_command, status_of, wait_until


def as_root(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command that only root may; CI's machines let everybody be root."""
    before = () if os.getuid() == 0 else ("sudo", "-n")
    return subprocess.run([*before, *command], check=False, capture_output=True, text=True)


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """A small file system in memory; where it cannot be mounted the test is skipped, but never in CI."""
    folder.mkdir()
    options = f"size={size},mode=700,uid={os.getuid()}"
    made = as_root("mount", "-t", "tmpfs", "-o", options, "turnpike-test", str(folder))
    if made.returncode and "CI" not in os.environ:
        pytest.skip("only root may mount a file system")
    assert made.returncode == 0, made.stderr
    try:
        yield folder
    finally:
        as_root("umount", "-l", str(folder))


def test_a_home_that_is_removed_while_control_runs_is_told_and_no_change_is_taken(tmp_path: Path) -> None:
    home = tmp_path / "home"
    environ = an_environment(home, TURNPIKE_ADMIN_KEY="an-administrators-key-of-some-length-0000")
    with Process(["control"], environ, tmp_path) as control:
        url = control.wait_for_words("control listens on").split()[-1]
        assert status_of(f"{url}/readyz") == 200
        shutil.rmtree(home)
        wait_until(lambda: status_of(f"{url}/readyz") == 503, "control says that it is not ready")
        wait_until(lambda: "store.unavailable" in control.account, "control logs it")
        assert "was removed or replaced while control runs on it" in control.account
        there = {**environ, "TURNPIKE_CONTROL_URL": url}
        (tmp_path / "turnpike.yaml").write_text("teams: [{name: research}]\n")
        refused = run_command(["apply", "-f", "turnpike.yaml"], there, tmp_path)
        assert refused.returncode != 0
        assert "store_unavailable" in refused.stderr
        doctor = run_command(["doctor"], there, tmp_path)
        assert doctor.returncode != 0
        assert "restore its home from a backup" in doctor.stdout


def test_a_full_disk_is_told_as_one(tmp_path: Path) -> None:
    with mounted(tmp_path / "home", "3m") as home:
        ended = run_command(["gateway", "--slot", "0"], an_environment(home), tmp_path)
        assert ended.returncode != 0
        said = ended.stderr + ended.stdout
        assert f"{home}/run/metrics-0.counts: No space left on device: free some room" in said
        assert "listen" not in said
        (home / "filler").write_bytes(b"x" * shutil.disk_usage(home).free)
        ended = run_command(["up"], an_environment(home), tmp_path)
        assert ended.returncode != 0
        assert "No space left on device" in ended.stderr
        assert "free some room on its disk" in ended.stderr


def test_a_worker_that_dies_on_a_full_disk_comes_back(tmp_path: Path) -> None:
    with mounted(tmp_path / "home", "32m") as home:
        environ = an_environment(home, TURNPIKE_ADMIN_KEY="an-administrators-key-of-some-length-0000")
        with Process(["up", "--workers", "1"], environ, tmp_path) as up:
            up.wait_for_words("1 of 1 workers ready")
            gateway = up.url("gateway")
            with suppress(OSError), (home / "filler").open("wb", buffering=0) as filler:
                while True:
                    filler.write(b"x" * 4096)
            killed = up.pid_of("gateway-0")
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
            wait_until(lambda: up.pid_of("gateway-0") not in (None, killed), "another worker is there")
            wait_until(lambda: status_of(f"{gateway}/readyz") == 200, "it serves")
            up.send(signal.SIGTERM)
            assert up.ended() == 0


def test_a_read_only_home_is_told_as_one(tmp_path: Path) -> None:
    with mounted(tmp_path / "home", "32m") as home:
        (home / "run").mkdir()
        (home / "snapshot").mkdir()
        assert as_root("mount", "-o", "remount,ro", str(home)).returncode == 0
        ended = run_command(["up"], an_environment(home), tmp_path)
        assert ended.returncode != 0
        assert f"{home} cannot be made or written (Read-only file system): mount" in ended.stderr
        doctor = run_command(["doctor"], an_environment(home), tmp_path)
        assert f"{home} cannot be written: {home}: Read-only file system" in doctor.stdout
        assert "mount it for writing" in doctor.stdout
