"""Real Turnpike processes for system tests: started on free ports, with a home of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TextIO

BOUND_SECONDS = 20.0
COMMAND = (sys.executable, "-m", "turnpike")


def wait_until(happened: Callable[[], bool], what: str, within_seconds: float = BOUND_SECONDS) -> None:
    """Look again until it has happened; fails with `what` after the bound."""
    until = time.monotonic() + within_seconds
    while not happened():
        if time.monotonic() > until:
            raise AssertionError(f"not within {within_seconds:g} s: {what}")
        time.sleep(0.02)


def an_environment(home: Path, **variables: str) -> dict[str, str]:
    """The environment of a process: nothing of Turnpike's or a vendor's but what is given."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TURNPIKE_") and not name.endswith(("_API_KEY", "_BASE_URL"))
    }
    usual = {
        "TURNPIKE_HOME": str(home),
        "TURNPIKE_GATEWAY_LISTEN": "127.0.0.1:0",
        "TURNPIKE_CONTROL_LISTEN": "127.0.0.1:0",
        "TURNPIKE_WORKERS": "1",
    }
    return {**kept, **usual, **variables}


def run_command(
    arguments: Sequence[str], environ: Mapping[str, str], cwd: Path
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environ,
        cwd=cwd,
        text=True,
        capture_output=True,
        timeout=BOUND_SECONDS,
        check=False,
    )


def status_of(url: str, key: str | None = None) -> int | None:
    """The status of a GET; None where nobody answers."""
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
    except OSError:
        return None


class Process:
    """A Turnpike process with what it has said so far; ended at the end of a `with`."""

    def __init__(self, arguments: Sequence[str], environ: Mapping[str, str], cwd: Path) -> None:
        self.home = Path(environ["TURNPIKE_HOME"])
        self.said: list[str] = []
        self.logged: list[str] = []
        self._process = subprocess.Popen(
            [*COMMAND, *arguments],
            env=environ,
            cwd=cwd,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._readers = [
            threading.Thread(target=_keep, args=(stream, kept), daemon=True)
            for stream, kept in ((self._process.stdout, self.said), (self._process.stderr, self.logged))
            if stream is not None
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(BOUND_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self.ended()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ended(self) -> int:
        """Wait for the end; the exit status."""
        status = self._process.wait(BOUND_SECONDS)
        for reader in self._readers:
            reader.join(BOUND_SECONDS)
        for stream in (self._process.stdout, self._process.stderr):
            assert stream is not None
            stream.close()
        return status

    def wait_for_words(self, words: str) -> str:
        """The first line of standard output that holds the words."""
        wait_until(
            lambda: self.has_ended or any(words in line for line in self.said), f"{words!r}\n{self.account}"
        )
        found = [line for line in self.said if words in line]
        assert found, self.account
        return found[0]

    def wait_for_event(self, event: str, times: int = 1) -> list[dict[str, object]]:
        """The log's events of this name, once there are so many."""

        def events() -> list[dict[str, object]]:
            lines = [line for line in self.logged if line.startswith("{")]
            return [e for e in map(json.loads, lines) if e.get("event") == event]

        wait_until(lambda: len(events()) >= times, f"{event} x {times}\n{self.account}")
        return events()

    @property
    def account(self) -> str:
        return "".join([*self.said, *self.logged])

    def url(self, role: str) -> str:
        """Where the gateway or control really listens."""
        return str(json.loads((self.home / "run" / "up.json").read_bytes())[f"{role}_url"])

    def pid_of(self, role: str) -> int | None:
        try:
            return int((self.home / "run" / f"{role}.pid").read_text())
        except (OSError, ValueError):
            return None


def _keep(stream: TextIO, kept: list[str]) -> None:
    for line in stream:
        kept.append(line)
