"""Settings: one table, one reader, and the only place where the environment is looked at."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple

import msgspec

PREFIX: Final = "TURNPIKE_"
WORKERS_MAX: Final = 256
DEFAULT_CONFIG: Final = Path("turnpike.yaml")

LogFormat = Literal["auto", "console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]


class Address(NamedTuple):
    """Where a role listens; port 0 stands for any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The address as one can call it from the same machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 (asked for, not bound)
        return f"http://{Address(host, self.port)}"


class Settings(msgspec.Struct, frozen=True):
    """Every setting of this release with its type; `SETTINGS` says what each one means."""

    home: Path
    gateway_listen: Address
    control_listen: Address
    workers: int
    config: Path | None
    admin_key: str | None
    master_key: str | None
    master_key_file: Path | None
    drain_seconds: float
    log_format: LogFormat
    log_level: LogLevel
    control_url: str | None
    store_url: str | None
    cors_origins: frozenset[str]
    tls_certificate: Path | None
    tls_key: Path | None
    edge: Mapping[str, Any]
    """Fields of the edge that were set; those that are not here have the edge's own defaults."""


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
            value = row.fallback() if text is None else row.parse(text)
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
            _seconds if isinstance(field.default, float) else _count,
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


def _fault(row: Setting, text: str, origin: str, fault: ValueError) -> str:
    name = row.flag if origin == "flag" else row.variable
    found = f"a value of {len(text)} characters" if row.secret else f'"{text}"'
    return f"{name}: found {found}; allowed: {fault}"


def _address(text: str) -> Address:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError("host:port, such as 127.0.0.1:8080 or [::1]:8080, the port 0 to 65535")
    return Address(host, int(port))


def _workers(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= WORKERS_MAX:
        raise ValueError(f"a whole number from 1 to {WORKERS_MAX}")
    return int(text)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError("a whole number, 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise ValueError("a number of seconds from 0 to 86400")
    return seconds


def _existing_file(text: str) -> Path:
    path = Path(text)
    if not path.is_file():
        raise ValueError("the path of a file that exists")
    return path


def _config_where_there_is_one() -> Path | None:
    return DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None


def _origins(text: str) -> frozenset[str]:
    origins = frozenset(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    if not all(origin == "*" or origin.startswith(("http://", "https://")) for origin in origins):
        raise ValueError("origins such as https://app.example.com, separated by commas, or *")
    return origins


def _url(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if scheme not in ("http", "https") or not separator or not rest.strip("/"):
        raise ValueError("an address such as http://127.0.0.1:8081")
    return text.rstrip("/")


def _store_url(text: str) -> str:
    scheme, _, rest = text.partition("://")
    host_and_port, _, database = rest.partition("?")[0].rpartition("@")[2].partition("/")
    port = host_and_port.rpartition("]")[2].partition(":")[2] or "5432"
    is_port = port.isascii() and port.isdigit() and 0 < int(port) < 65_536
    if scheme != "postgresql" or not database or not is_port:
        raise ValueError("postgresql://user:password@host/database")
    return text


def _one_of(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError(" | ".join(allowed))
        return text.lower()

    return parse


def _same(value: float) -> float:
    return value


def _nothing() -> None:
    return None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


SETTINGS: Final = (
    Setting(
        "TURNPIKE_HOME",
        "./turnpike-data",
        "the one folder that holds state",
        Path,
        lambda: Path("turnpike-data"),
    ),
    Setting(
        "TURNPIKE_GATEWAY_LISTEN",
        "127.0.0.1:8080",
        "where applications call",
        _address,
        lambda: Address("127.0.0.1", 8080),
    ),
    Setting(
        "TURNPIKE_CONTROL_LISTEN",
        "127.0.0.1:8081",
        "the control API",
        _address,
        lambda: Address("127.0.0.1", 8081),
    ),
    Setting("TURNPIKE_WORKERS", "one per core", "gateway worker processes", _workers, _cores),
    Setting(
        "TURNPIKE_CONFIG",
        "./turnpike.yaml where it exists",
        "configuration applied at start, before the first call is taken",
        # A role that is started again later must not fail for a file that it no longer needs.
        Path,
        _config_where_there_is_one,
    ),
    Setting(
        "TURNPIKE_ADMIN_KEY",
        "made and printed once",
        "the first administrator's key; commands send it to the control API",
        str,
        _nothing,
        secret=True,
    ),
    Setting(
        "TURNPIKE_MASTER_KEY",
        "a file made in the home, mode 600",
        "seals secrets at rest",
        str,
        _nothing,
        secret=True,
    ),
    Setting(
        "TURNPIKE_MASTER_KEY_FILE",
        "master.key in the home",
        "the file that holds the master key",
        _existing_file,
        _nothing,
    ),
    Setting(
        "TURNPIKE_DRAIN_SECONDS",
        "30",
        "how long calls in flight may finish after SIGTERM",
        _seconds,
        lambda: 30.0,
    ),
    Setting(
        "TURNPIKE_LOG_FORMAT",
        "console on a terminal, else json",
        "form of the log on standard error: auto, console or json",
        _one_of("auto", "console", "json"),
        lambda: "auto",
    ),
    Setting(
        "TURNPIKE_LOG_LEVEL",
        "info",
        "the least that is logged: debug, info, warning or error",
        _one_of("debug", "info", "warning", "error"),
        lambda: "info",
    ),
    Setting(
        "TURNPIKE_CONTROL_URL",
        "where control listens on this machine",
        "the control plane that commands and gateways speak to",
        _url,
        _nothing,
    ),
    Setting(
        "TURNPIKE_STORE_URL",
        "embedded: turnpike.db in the home",
        "the PostgreSQL database that control keeps everything in: postgresql://user:password@host/database",
        _store_url,
        _nothing,
        secret=True,
    ),
    Setting(
        "TURNPIKE_CORS_ORIGINS",
        "none",
        "origins whose pages may call the gateway from a browser, separated by commas; * is any",
        _origins,
        frozenset,
    ),
    Setting(
        "TURNPIKE_TLS_CERTIFICATE",
        "none: plain HTTP",
        "PEM file with the gateway's certificate and those that lead to its authority",
        _existing_file,
        _nothing,
    ),
    Setting(
        "TURNPIKE_TLS_KEY",
        "in the certificate's file",
        "PEM file with the certificate's key",
        _existing_file,
        _nothing,
    ),
)
"""What every role and command reads; the edge's limits join it in `bootstrap`."""
