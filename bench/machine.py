"""What machine and which versions a figure belongs to."""

import contextlib
import datetime
import os
import platform
import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import msgspec

from bench.processes import BenchError, run
from turnpike import __version__


class Facts(msgspec.Struct, frozen=True):
    """The machine, the day, and the version of everything that took part."""

    taken_on: str
    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    versions: dict[str, str]


def facts(rivals: Mapping[str, str]) -> Facts:
    """The facts of this machine now; `rivals` adds the versions of other gateways."""
    versions = {
        "Turnpike": __version__ + _commit(),
        "Python": platform.python_version(),
        "uvloop": version("uvloop"),
        "httptools": version("httptools"),
        "nginx": _said(["sh", "-c", "nginx -v 2>&1"], r"nginx/(\S+)"),
        "wrk": _said(["sh", "-c", "wrk -v || true"], r"wrk (\S+)"),
        **rivals,
    }
    return Facts(
        taken_on=datetime.datetime.now(datetime.UTC).date().isoformat(),
        cpu=_first("/proc/cpuinfo", r"model name\s*:\s*(.+)"),
        cores=os.cpu_count() or 1,
        memory_gib=int(_first("/proc/meminfo", r"MemTotal:\s*(\d+)")) / 2**20,
        kernel=platform.release().partition("-")[0],
        versions={name: value for name, value in versions.items() if value},
    )


def _commit() -> str:
    with contextlib.suppress(BenchError):
        return f" ({run(['git', 'rev-parse', '--short', 'HEAD'], 10.0).strip()})"
    return ""


def _said(command: list[str], pattern: str) -> str:
    with contextlib.suppress(BenchError):
        found = re.search(pattern, run(command, 10.0))
        return found.group(1) if found else ""
    return ""


def _first(path: str, pattern: str) -> str:
    found = re.search(pattern, Path(path).read_text())
    return found.group(1) if found else "0"
