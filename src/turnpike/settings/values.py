"""What settings are once they are read: typed values."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec

LogFormat = Literal["auto", "console", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 (asked for, not bound)
"""Hosts that stand for every address of the machine, each with the one by which the machine calls itself."""


class Address(NamedTuple):
    """Where a role listens; port 0 stands for any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The address as one can call it from the same machine."""
        host = _EVERYWHERE.get(self.host, self.host)
        return f"http://{Address(host, self.port)}"

    @property
    def is_everywhere(self) -> bool:
        """Whether it stands for every address of the machine."""
        return self.host in _EVERYWHERE

    @property
    def is_of_this_machine_alone(self) -> bool:
        """Whether nobody on another machine can call it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


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
