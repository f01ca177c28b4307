"""The tree that the fences look at: its files, their syntax, and what is exempted."""

from __future__ import annotations

import ast
import functools
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
EXEMPTIONS_FILE = Path(__file__).with_name("exemptions.toml")


@dataclass(frozen=True)
class Source:
    """One Python file: its path from the root, its text and its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def line_count(self) -> int:
        return len(self.text.splitlines())

    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        return [n for n in ast.walk(self.tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


@dataclass(frozen=True)
class Exemption:
    """A place where a fence is lifted, and why."""

    fence: str
    at: str
    reason: str


@functools.cache
def sources(*folders: str) -> tuple[Source, ...]:
    """Every Python file under the folders, parsed."""
    paths = sorted(path for folder in folders for path in (REPOSITORY / folder).rglob("*.py"))
    return tuple(_source(path) for path in paths)


def all_sources() -> tuple[Source, ...]:
    return sources("src", "tests", "bench", "demo")


def _source(path: Path) -> Source:
    text = path.read_text()
    return Source(str(path.relative_to(REPOSITORY)), text, ast.parse(text))


@functools.cache
def files() -> tuple[Path, ...]:
    """Every file that git keeps or would keep; in an unpacked archive, every file."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listing.returncode == 0:
        paths = [REPOSITORY / line for line in listing.stdout.splitlines()]
    else:
        paths = [p for p in REPOSITORY.rglob("*") if not any(part.startswith(".venv") for part in p.parts)]
    return tuple(path for path in paths if path.is_file())


@functools.cache
def exemptions() -> tuple[Exemption, ...]:
    entries = tomllib.loads(EXEMPTIONS_FILE.read_text()).get("exemption", [])
    return tuple(Exemption(**entry) for entry in entries)


def outside(fence: str, found: dict[str, str]) -> list[str]:
    """What a fence found (place -> what is there) where no exemption stands.

    A place is `file` or `file:function`. An exemption that is no longer needed counts as a
    finding: the list only shrinks.
    """
    exempted = {exemption.at for exemption in exemptions() if exemption.fence == fence}
    findings = [f"{place}: {what}" for place, what in found.items() if place not in exempted]
    unneeded = [f"{place}: the exemption is no longer needed; remove it" for place in exempted - set(found)]
    return sorted(findings + unneeded)
