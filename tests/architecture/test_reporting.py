"""How a run ends: skips are told, are failures in CI, and a bound holds the run as a whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import REPOSITORY

SKIPPING = "import pytest\n\ndef test_needs_a_server():\n    pytest.skip('no PostgreSQL here')\n"
SKIPPING_MODULE = "import pytest\n\npytest.skip('no PostgreSQL here', allow_module_level=True)\n"
PASSING = "def test_passes():\n    assert 1 + 1 == 2\n"


def _run(folder: Path, code: str, *options: str, ci: bool = False) -> subprocess.CompletedProcess[str]:
    path = folder / "test_sample.py"
    path.write_text(code)
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "PYTEST_ADDOPTS"}}
    if ci:
        environment["CI"] = "1"
    alone = ["-p", "tests.conftest", "--rootdir", str(folder), "-c", os.devnull, "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *alone, *options, str(path)]
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("code", [SKIPPING, SKIPPING_MODULE])
def test_a_skip_is_told_at_the_end_with_its_reason(tmp_path: Path, code: str) -> None:
    run = _run(tmp_path, code)
    assert run.returncode in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    assert "skipped because …" in run.stdout
    assert "no PostgreSQL here: test_sample.py" in run.stdout


@pytest.mark.parametrize("code", [SKIPPING, SKIPPING_MODULE])
def test_a_skip_is_a_failure_in_ci(tmp_path: Path, code: str) -> None:
    run = _run(tmp_path, code, ci=True)
    assert run.returncode not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    assert "with CI set nothing may be: no PostgreSQL here" in run.stdout


def test_a_run_over_its_bound_fails_though_every_test_passes(tmp_path: Path) -> None:
    run = _run(tmp_path, PASSING, "--within-cpu-seconds", "0.000001")
    assert run.returncode == pytest.ExitCode.TESTS_FAILED
    assert "over the time bound" in run.stdout
    assert "1 passed" in run.stdout


def test_a_run_within_its_bound_passes(tmp_path: Path) -> None:
    run = _run(tmp_path, PASSING, "--within-cpu-seconds", "60")
    assert run.returncode == pytest.ExitCode.OK
    assert "over the time bound" not in run.stdout
