"""The packages that this release needs, and what is said where some are not installed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from typing import Final

from turnpike.bootstrap.fault import CannotStart
from turnpike.doctor.machine import Package

DISTRIBUTION: Final = "turnpike-ai"
CONTROL: Final = "control"
"""The extra that control needs, and so `turnpike up`."""

_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?>=([0-9.]+)")


class PackagesMissing(CannotStart):
    """What was asked for needs packages that are not installed; another start ends the same way."""

    def __init__(self, names: str) -> None:
        super().__init__(
            f"{names} not installed, which control needs and a gateway alone does not:"
            f' in Turnpike\'s clone, pip install ".[{CONTROL}]" (of a wheel that was built there:'
            f' pip install "turnpike_ai-VERSION-py3-none-any.whl[{CONTROL}]")'
        )


def check_control_packages() -> None:
    """Raises PackagesMissing where control could not run."""
    missing = [package.name for package in required(CONTROL) if not _is_there(package.name)]
    if missing:
        raise PackagesMissing(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'}")


def missing_package(fault: ModuleNotFoundError) -> PackagesMissing | None:
    """What to tell of a module that could not be loaded; None where it is one of our own."""
    name = (fault.name or "").partition(".")[0]
    return None if name in ("", "turnpike") else PackagesMissing(f"{name} is")


def required(extra: str | None) -> tuple[Package, ...]:
    """What the distribution requires, without extras or for one; nothing where it runs from a bare source tree."""
    try:
        lines = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return ()
    matches = (_REQUIREMENT.match(line) for line in lines if _extra_of(line) == extra)
    return tuple(Package(m[1], m[2], _installed(m[1])) for m in matches if m)


def _extra_of(requirement: str) -> str | None:
    found = re.search(r"""extra == ["']([a-z]+)["']""", requirement)
    return found[1] if found else None


def _is_there(name: str) -> bool:
    """Whether it can be loaded; of what control needs, the modules are named like their packages."""
    return importlib.util.find_spec(name) is not None


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
