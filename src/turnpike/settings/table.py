"""Every setting that is no limit of a part: its variable, its default, what it means, how it is written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from turnpike.settings.reading import Setting
from turnpike.settings.texts import (
    read_address,
    read_admin_key,
    read_existing_file,
    read_one_of,
    read_origins,
    read_seconds,
    read_store_url,
    read_url,
    read_workers,
)
from turnpike.settings.values import Address

DEFAULT_CONFIG: Final = Path("turnpike.yaml")


def _config_where_there_is_one() -> Path | None:
    return DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None


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
        read_address,
        lambda: Address("127.0.0.1", 8080),
    ),
    Setting(
        "TURNPIKE_CONTROL_LISTEN",
        "127.0.0.1:8081",
        "the control API",
        read_address,
        lambda: Address("127.0.0.1", 8081),
    ),
    Setting("TURNPIKE_WORKERS", "one per core", "gateway worker processes", read_workers, _cores),
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
        read_admin_key,
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
        read_existing_file,
        _nothing,
    ),
    Setting(
        "TURNPIKE_DRAIN_SECONDS",
        "30",
        "how long calls in flight may finish after SIGTERM",
        read_seconds,
        lambda: 30.0,
    ),
    Setting(
        "TURNPIKE_LOG_FORMAT",
        "console on a terminal, else json",
        "form of the log on standard error: auto, console or json",
        read_one_of("auto", "console", "json"),
        lambda: "auto",
    ),
    Setting(
        "TURNPIKE_LOG_LEVEL",
        "info",
        "the least that is logged: debug, info, warning or error",
        read_one_of("debug", "info", "warning", "error"),
        lambda: "info",
    ),
    Setting(
        "TURNPIKE_CONTROL_URL",
        "where control listens on this machine",
        "the control plane that commands and gateways speak to",
        read_url,
        _nothing,
    ),
    Setting(
        "TURNPIKE_STORE_URL",
        "embedded: turnpike.db in the home",
        "the PostgreSQL database that control keeps everything in: postgresql://user:password@host/database",
        read_store_url,
        _nothing,
        secret=True,
    ),
    Setting(
        "TURNPIKE_CORS_ORIGINS",
        "none",
        "origins whose pages may call the gateway from a browser, separated by commas; * is any",
        read_origins,
        frozenset,
    ),
    Setting(
        "TURNPIKE_TLS_CERTIFICATE",
        "none: plain HTTP",
        "PEM file with the gateway's certificate and those that lead to its authority",
        read_existing_file,
        _nothing,
    ),
    Setting(
        "TURNPIKE_TLS_KEY",
        "in the certificate's file",
        "PEM file with the certificate's key",
        read_existing_file,
        _nothing,
    ),
)
"""What every role and command reads; the edge's limits join it in `bootstrap`."""
