"""Reading settings: from flags, the environment (nowhere else is it looked at) or their defaults."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from turnpike.settings.texts import read_count, read_seconds
from turnpike.settings.values import Settings

PREFIX: Final = "TURNPIKE_"
_PASSWORD: Final = re.compile("//.*@", re.DOTALL)
"""What stands in an address before its host: it may be a secret."""


class Setting(msgspec.Struct, frozen=True):
    """One row of the table: how a value is written, and what it means.

    `default` is what people read; `fallback` makes the value where nothing was set.
    `parse` raises ValueError with what is allowed.
    """

    variable: str
    default: str
    meaning: str
    parse: Callable[[str], Any]
    fallback: Callable[[], Any]
    secret: bool = False

    @property
    def field(self) -> str:
        """The name in `Settings` (of the edge's: in the edge's limits, with `edge_` before it)."""
        return self.variable.removeprefix(PREFIX).lower()

    @property
    def flag(self) -> str:
        """The flag of `turnpike up` that stands for the variable."""
        return "--" + self.field.replace("_", "-")


class Reading(msgspec.Struct, frozen=True):
    """One setting's value, and where it came from: "flag", "environment" or "default"."""

    setting: Setting
    value: Any
    origin: str

    @property
    def shown(self) -> str:
        """The value for people; a secret is only "set" or "not set"."""
        if self.setting.secret:
            return "set" if self.value is not None else "not set"
        if self.value is None:
            return "not set"
        if isinstance(self.value, frozenset):
            return ", ".join(sorted(self.value)) or "none"
        return f"{self.value:g}" if isinstance(self.value, float) else str(self.value)


class SettingsFault(Exception):
    """Settings that cannot be used; each fault names the variable, what was found, what is allowed."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def environment() -> Mapping[str, str]:
    """The environment of this process as it is now; nobody else reads it."""
    return MappingProxyType(dict(os.environ))


def read_settings(
    rows: tuple[Setting, ...], environ: Mapping[str, str], flags: Mapping[str, str]
) -> tuple[Reading, ...]:
    """Every row's value: from `flags` (by variable), else `environ`, else its default.

    An empty variable counts as not set. Raises SettingsFault with every fault there is.
    """
    readings: list[Reading] = []
    faults: list[str] = []
    for row in rows:
        text, origin = _found(row, environ, flags)
        try:
            value = row.fallback() if text is None else row.parse(_utf8(text))
        except ValueError as fault:
            faults.append(_fault(row, text or "", origin, fault))
        else:
            readings.append(Reading(row, value, origin))
    if faults:
        raise SettingsFault(tuple(faults))
    return tuple(readings)


def unknown_variables(rows: tuple[Setting, ...], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Variables that look like ours and are not: most likely misspelt, so somebody is told.

    They are no fault: Kubernetes sets such ones by itself for a service named "turnpike".
    """
    known = {row.variable for row in rows}
    return tuple(sorted(name for name in environ if name.startswith(PREFIX) and name not in known))


def settings_of(readings: tuple[Reading, ...]) -> Settings:
    """The typed value of what `read_settings` found."""
    values = {r.setting.field: r.value for r in readings}
    edge = {
        r.setting.field.removeprefix("edge_"): r.value
        for r in readings
        if r.setting.field.startswith("edge_") and r.origin != "default"
    }
    known = {name: values[name] for name in Settings.__struct_fields__ if name != "edge"}
    return Settings(**known, edge=edge)


def rows_of_limits(limits: type[msgspec.Struct], prefix: str) -> tuple[Setting, ...]:
    """A row for each number of a struct of limits; their meanings are the lines of its docstring."""
    meanings = dict(
        line.strip().split(": ", 1) for line in (limits.__doc__ or "").splitlines()[1:] if ": " in line
    )
    return tuple(
        Setting(
            f"{PREFIX}{prefix}_{field.name}".upper(),
            f"{field.default:g}" if isinstance(field.default, float) else str(field.default),
            meanings.get(field.name, "").removesuffix("."),
            read_seconds if isinstance(field.default, float) else read_count,
            functools.partial(_same, field.default),
        )
        for field in msgspec.structs.fields(limits)
        if isinstance(field.default, (int, float))
    )


def _found(row: Setting, environ: Mapping[str, str], flags: Mapping[str, str]) -> tuple[str | None, str]:
    if row.variable in flags:
        return flags[row.variable], "flag"
    if environ.get(row.variable, "").strip():
        return environ[row.variable].strip(), "environment"
    return None, "default"


def _utf8(text: str) -> str:
    """The text. Raises ValueError for bytes that are none, which could be neither logged nor sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("text in UTF-8") from None
    return text


def _fault(row: Setting, text: str, origin: str, fault: ValueError) -> str:
    name = row.flag if origin == "flag" else row.variable
    found = f"a value of {len(text)} characters" if row.secret else f'"{_PASSWORD.sub("//…@", text)}"'
    return f"{name}: found {found}; allowed: {fault}"


def _same(value: float) -> float:
    return value
