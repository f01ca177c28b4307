"""The README's tour is true: its blocks run, in their order, and say what the README shows.

A `sh` block runs in one shell for the whole tour, or, behind `<!-- stays -->`, in a terminal of its own where it goes on. A
`python` block becomes the file that its first line names. The `text` block behind one is what it says.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.architecture.tree import REPOSITORY
from tests.system.running import an_environment, wait_until

ADDRESSES = ("127.0.0.1:8080", "127.0.0.1:8081", "127.0.0.1:9000")
BLOCK = re.compile(r"(<!-- stays -->\n)?```(sh|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCK_SECONDS = 30.0


class Step(NamedTuple):
    """One block of the tour that does something, and what it should say."""

    language: str
    text: str
    stays: bool
    shown: str


def test_the_tour_goes_as_the_readme_shows(tmp_path: Path) -> None:
    places = dict(zip(ADDRESSES, free_addresses(len(ADDRESSES)), strict=True))
    environ = {
        **an_environment(tmp_path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
        "TURNPIKE_HOME": "turnpike-data",
        "TURNPIKE_GATEWAY_LISTEN": places["127.0.0.1:8080"],
        "TURNPIKE_CONTROL_LISTEN": places["127.0.0.1:8081"],
    }
    make_environment_of_sdks(tmp_path / "sdks")
    with ExitStack() as opened:
        staying: list[Shell] = []
        yours = opened.enter_context(closing(Shell(("-s",), environ, tmp_path, with_errors=True)))
        for step in tour(moved((REPOSITORY / "README.md").read_text(), places)):
            if step.language == "python":
                (tmp_path / step.text.split("\n", 1)[0].removeprefix("# ")).write_text(step.text)
            elif step.stays:
                shell = Shell(("-c", step.text), environ, tmp_path, with_errors=False)
                staying.append(opened.enter_context(closing(shell)))
                shell.wait_until_shown(step)
            elif "/metrics" in step.text:  # What other workers counted is shown within a second.
                wait_until(partial(shows, yours, step), step.text)
            else:
                check(step, yours.run(step.text))
        assert [shell.interrupted() for shell in reversed(staying)] == [0, 0]


@pytest.mark.parametrize(
    ("said", "shown", "same"),
    [
        ("at 12:30\nend\n", "at …\nend", True),
        ("a\nb\nc\n", "a\n…\nc", True),
        ("a\nc\n", "a\n…\nc", True),
        ("a\nb\n", "a\n…", True),
        ("a\nb\n", "a", False),
        ("abc\n", "a.c", False),
        ("", "", True),
        ("a\n", "", False),
    ],
)
def test_what_is_said_is_compared_with_what_is_shown(said: str, shown: str, same: bool) -> None:
    assert (pattern_of(shown).fullmatch(said) is not None) is same


def make_environment_of_sdks(folder: Path) -> None:
    """What stands in for the environment that a reader makes for the SDKs: the tests' own has them."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)


def free_addresses(count: int) -> list[str]:
    """Addresses at which nobody listened a moment ago."""
    with ExitStack() as opened:
        sockets = [opened.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]


def moved(text: str, places: dict[str, str]) -> str:
    """The text with this run's addresses in place of those that a reader has."""
    for usual, place in places.items():
        text = text.replace(usual, place)
    return text


def tour(readme: str) -> Iterator[Step]:
    """The steps from the tour's first heading to the part that follows it."""
    part = readme.split("\n### Start\n", 1)[1].split("\n## ", 1)[0]
    blocks = [(match[2], match[3], match[1] is not None) for match in BLOCK.finditer(part)]
    for (language, text, stays), (follower, shown, _) in zip(
        blocks, [*blocks[1:], ("", "", False)], strict=True
    ):
        if language != "text":
            yield Step(language, text, stays, shown if follower == "text" else "")


def check(step: Step, said: str) -> None:
    """Fails with both where a step did not say what is shown."""
    if not is_shown(step, said):
        pytest.fail(f"{step.text}says\n{said}\ninstead of\n{step.shown}", pytrace=False)


def shows(shell: Shell, step: Step) -> bool:
    return is_shown(step, shell.run(step.text))


def is_shown(step: Step, said: str) -> bool:
    return pattern_of(step.shown).fullmatch(said) is not None


def pattern_of(shown: str) -> re.Pattern[str]:
    """Matches such output: a line `…` is any lines or none, and `…` in a line any piece of it."""
    lines = shown.removesuffix("\n").split("\n") if shown else []
    return re.compile("".join(r"(?:.*\n)*?" if line == "…" else _line(line) for line in lines))


def _line(shown: str) -> str:
    return ".*".join(re.escape(piece) for piece in shown.split("…")) + r"\n"


class Shell:
    """A shell in a session of its own, with what it has said."""

    def __init__(
        self, arguments: Sequence[str], environ: dict[str, str], cwd: Path, *, with_errors: bool
    ) -> None:
        self.said = ""
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", *arguments],
            env=environ,
            cwd=cwd,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if with_errors else subprocess.DEVNULL,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def run(self, block: str) -> str:
        """What a block says until it is done."""
        end = f"end of block {uuid.uuid4()}\n"
        assert self._process.stdin is not None
        self._process.stdin.write(f"{block}\necho '{end.strip()}'\n")
        self._process.stdin.flush()
        self._wait(lambda: self.said.endswith(end), block)
        said, self.said = self.said.removesuffix(end), ""
        return said

    def wait_until_shown(self, step: Step) -> None:
        """Returns once it has said what is shown, and nothing else."""
        self._wait(lambda: pattern_of(step.shown).fullmatch(self.said) is not None, step.text)

    def interrupted(self) -> int:
        """The status with which it ends after Ctrl-C."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self._process.wait(BLOCK_SECONDS)

    def close(self) -> None:
        """End it with everything that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(BLOCK_SECONDS)
        self._reader.join(BLOCK_SECONDS)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def _wait(self, happened: Callable[[], bool], what: str) -> None:
        try:
            wait_until(happened, what, BLOCK_SECONDS)
        except AssertionError as late:
            late.add_note(f"what it said:\n{self.said}")
            raise

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.said += line
