"""The machine: Python and packages, folder, disk, descriptors, clock, ports."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from turnpike.doctor.finding import Finding, fine, unknown, wrong

PYTHON_OLDEST: Final = (3, 11)
DISK_FULL_BYTES: Final = 1024 * 1024
DISK_FREE_MIN_BYTES: Final = 256 * 1024 * 1024
DISK_FREE_LOW_BYTES: Final = 1024 * 1024 * 1024
WITHOUT_ROOM: Final = (
    "calls pass on, except those with an idempotency key, which are refused, as are changes of the configuration and"
    " starts of control"
)
OPEN_FILES_MIN: Final = 16_384
"""Two descriptors for each of a few thousand streams, and some for everything else."""
CLOCK_APART_MAX_SECONDS: Final = 30.0
"""Beyond this keys expire, and certificates are judged, at the wrong moment."""
BUILT_AT_SECONDS: Final = 1_793_491_200
"""2026-11-01T00:00:00Z: no clock that is right shows an earlier time."""

_MIB: Final = 1024 * 1024


class Package(msgspec.Struct, frozen=True):
    """A package that this release needs: the oldest version that does, and what is installed (None: not)."""

    name: str
    oldest: str
    installed: str | None


class Port(msgspec.Struct, frozen=True):
    """Where a role is to listen. `fault` is why it could not; `ours` whether our own role listens there now."""

    role: str
    variable: str
    address: str
    ours: bool
    fault: str | None


def python_finding(version: tuple[int, int, int]) -> Finding:
    """Whether this release runs on the Python at hand."""
    text = ".".join(map(str, version))
    if version[:2] < PYTHON_OLDEST:
        oldest = ".".join(map(str, PYTHON_OLDEST))
        return wrong("python", f"Python {text} is too old", f"install Python {oldest} or later")
    return fine("python", f"Python {text}")


def packages_finding(packages: tuple[Package, ...]) -> Finding:
    """Whether every package is there in a version that serves."""
    poor = _poor(packages)
    if poor:
        return wrong(
            "packages",
            poor,
            "install Turnpike anew: pip install . in its clone, or pip install of a wheel that was built there",
        )
    return fine("packages", f"{len(packages)} packages in versions that serve")


def control_packages_finding(packages: tuple[Package, ...], *, is_elsewhere: bool) -> Finding:
    """Whether control can run here; `is_elsewhere`: it was said where else it does."""
    poor = _poor(packages)
    check = "control packages"
    if not poor:
        return fine(check, f"{len(packages)} packages in versions that serve")
    if is_elsewhere:
        return unknown(check, f"control cannot run here, a gateway can: {poor}")
    mend = (
        'in Turnpike\'s clone: pip install ".[control]" (of a wheel that was built there:'
        ' pip install "turnpike_ai-VERSION-py3-none-any.whl[control]"); a gateway alone needs TURNPIKE_CONTROL_URL'
    )
    return wrong(check, f"control cannot run here: {poor}", mend)


def home_finding(home: Path, fault: str | None) -> Finding:
    """Whether the home can be written; `fault` is the system's word where it cannot."""
    if fault is None:
        return fine("home", f"{home} can be written")
    return wrong(
        "home",
        f"{home} cannot be written: {fault}",
        "give this user the right to write there, mount it for writing, or name another folder with TURNPIKE_HOME",
    )


def disk_finding(home: Path, free_bytes: int) -> Finding:
    """Whether the disk under the home has room."""
    says = f"{free_bytes // _MIB} MiB free under {home}"
    if free_bytes < DISK_FREE_MIN_BYTES:
        mend = f"free at least {DISK_FREE_LOW_BYTES // _MIB} MiB, or move the home to a larger disk (TURNPIKE_HOME)"
        if free_bytes < DISK_FULL_BYTES:
            return wrong("disk", f"the disk is full: {says}; {WITHOUT_ROOM}", mend)
        return wrong(
            "disk", f"the disk is nearly full: {says}; all works until none is: then {WITHOUT_ROOM}", mend
        )
    if free_bytes < DISK_FREE_LOW_BYTES:
        return unknown("disk", f"little room: {says}", "free some before it is full")
    return fine("disk", says)


def open_files_finding(hard_limit: int | None) -> Finding:
    """Whether enough descriptors may be open; None means without limit."""
    if hard_limit is not None and hard_limit < OPEN_FILES_MIN:
        return wrong(
            "open files",
            f"at most {hard_limit} files and connections may be open at once",
            f"raise the hard limit to {OPEN_FILES_MIN} or more (ulimit -Hn, LimitNOFILE= in a systemd unit)",
        )
    return fine("open files", "no limit" if hard_limit is None else f"up to {hard_limit}")


def clock_finding(now_seconds: float, others: Mapping[str, float]) -> Finding:
    """Whether the clock is right, as far as others show: `others` are times that they told just now.

    Without another clock to compare with, only an impossible time can be found out.
    """
    mend = "set the clock and keep it set (timedatectl set-ntp true, or chrony)"
    if now_seconds < BUILT_AT_SECONDS:
        return wrong("clock", "the clock shows a time before this release was made", mend)
    if not others:
        return unknown("clock", "not before this release; no other clock could be asked")
    apart = {name: now_seconds - told for name, told in others.items()}
    far = [
        f"{abs(by):.0f} s {_side(by)} {name}'s"
        for name, by in apart.items()
        if abs(by) > CLOCK_APART_MAX_SECONDS
    ]
    if far:
        return wrong("clock", "the clock is " + ", ".join(far), mend)
    return fine("clock", f"within {CLOCK_APART_MAX_SECONDS:.0f} s of {', '.join(sorted(others))}")


def port_finding(port: Port) -> Finding:
    """Whether a role can listen, or already does."""
    check = f"{port.role} port"
    if port.ours:
        return fine(check, f"{port.address}: this home's {port.role} listens there")
    if port.fault is not None:
        return wrong(
            check,
            f"{port.address}: {port.fault}",
            f"stop what is there, or choose another address ({port.variable})",
        )
    return fine(check, f"{port.address} is free")


def _poor(packages: tuple[Package, ...]) -> str:
    """Those that are missing or too old, in words."""
    poor = [p for p in packages if p.installed is None or _numbers(p.installed) < _numbers(p.oldest)]
    return ", ".join(f"{p.name} {p.installed or 'is missing'} (needs {p.oldest})" for p in poor)


def _side(by: float) -> str:
    return "ahead of" if by > 0 else "behind"


def _numbers(version: str) -> tuple[int, ...]:
    numbers = []
    for part in version.split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)
