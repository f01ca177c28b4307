"""Runs each fuzzer for so long; exits 1 where one found a crash or a hang, and says where its input lies."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.launch import LAUNCHER

TARGETS = ("edge", "streams", "bodies")
FOLDER = Path(__file__).parent
HANG_SECONDS = 5
INPUT_MAX_BYTES = 4096
MEMORY_MAX_MB = 2048


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each fuzzer (60)")
    parser.add_argument("--only", choices=TARGETS, action="append", help="run this one; may be repeated")
    parser.add_argument(
        "--keep", action="store_true", help="add what was found to the kept corpus, minimised"
    )
    asked = parser.parse_args()
    failed = [name for name in asked.only or TARGETS if not fuzz(name, asked.seconds, asked.keep)]
    print(f"fuzz: {' and '.join(failed)} failed" if failed else "fuzz: no crash, no hang")
    return 1 if failed else 0


def fuzz(name: str, seconds: int, keep: bool) -> bool:
    """Run one fuzzer from its kept corpus; whether it found nothing wrong."""
    kept = FOLDER / "corpus" / name
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as found:
        done = run_target(name, [found, str(kept), f"-max_total_time={seconds}"])
        if done == 0 and keep:
            minimise(name, kept, Path(found))
    return done == 0


def minimise(name: str, kept: Path, found: Path) -> None:
    """Keep the fewest inputs that reach all that was reached."""
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as least:
        if run_target(name, ["-merge=1", least, str(kept), str(found)]) != 0 or not any(
            Path(least).iterdir()
        ):
            return
        for old in kept.iterdir():
            old.unlink()
        for new in Path(least).iterdir():
            (kept / new.name[:16]).write_bytes(new.read_bytes())


def run_target(name: str, arguments: list[str]) -> int:
    bounds = [f"-timeout={HANG_SECONDS}", f"-max_len={INPUT_MAX_BYTES}", f"-rss_limit_mb={MEMORY_MAX_MB}"]
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as folder:
        launcher = Path(folder) / name
        launcher.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tests.fuzz.{name} "$@"\n')
        launcher.chmod(0o700)
        command = [str(launcher), *arguments, *bounds, f"-dict={FOLDER / name}.dict", "-verbosity=1"]
        return subprocess.run(command, check=False, env={**os.environ, LAUNCHER: str(launcher)}).returncode


if __name__ == "__main__":
    sys.exit(main())
