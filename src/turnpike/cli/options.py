"""Settings as flags of commands."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final

import click

from turnpike.bootstrap.configuration import ALL_SETTINGS, configuration
from turnpike.settings import Setting

Command = Callable[..., int | None]

CLIENT_SETTINGS: Final = ("TURNPIKE_HOME", "TURNPIKE_CONTROL_URL")
"""What a command that speaks to control takes as flags."""


GATEWAY_SETTINGS: Final = (
    "TURNPIKE_HOME",
    "TURNPIKE_GATEWAY_LISTEN",
    "TURNPIKE_CONTROL_URL",
    "TURNPIKE_MASTER_KEY",
    "TURNPIKE_MASTER_KEY_FILE",
    "TURNPIKE_TLS_CERTIFICATE",
    "TURNPIKE_TLS_KEY",
    "TURNPIKE_CORS_ORIGINS",
    "TURNPIKE_DRAIN_SECONDS",
    "TURNPIKE_LOG_FORMAT",
    "TURNPIKE_LOG_LEVEL",
    *(row.variable for row in ALL_SETTINGS if row.field.startswith("edge_")),
)
"""What a gateway worker reads."""

CONTROL_SETTINGS: Final = (
    "TURNPIKE_HOME",
    "TURNPIKE_CONTROL_LISTEN",
    "TURNPIKE_CONFIG",
    "TURNPIKE_STORE_URL",
    "TURNPIKE_ADMIN_KEY",
    "TURNPIKE_MASTER_KEY",
    "TURNPIKE_MASTER_KEY_FILE",
    "TURNPIKE_LOG_FORMAT",
    "TURNPIKE_LOG_LEVEL",
)
"""What control reads."""

DOCTOR_SETTINGS: Final = (
    "TURNPIKE_HOME",
    "TURNPIKE_GATEWAY_LISTEN",
    "TURNPIKE_CONTROL_LISTEN",
    "TURNPIKE_CONTROL_URL",
    "TURNPIKE_CONFIG",
    "TURNPIKE_STORE_URL",
    "TURNPIKE_ADMIN_KEY",
    "TURNPIKE_MASTER_KEY",
    "TURNPIKE_MASTER_KEY_FILE",
    "TURNPIKE_TLS_CERTIFICATE",
    "TURNPIKE_TLS_KEY",
)
"""What the doctor looks at."""

ALL: Final = tuple(row.variable for row in ALL_SETTINGS)


def with_settings(*variables: str) -> Callable[[Command], Command]:
    """Give the command flags for these settings and, first, its `Configuration`."""
    return _with_flags(variables, hidden=False)


def with_every_setting_unlisted() -> Callable[[Command], Command]:
    """The same with every setting, for a command that lists them itself: its help need not."""
    return _with_flags(ALL, hidden=True)


def _with_flags(variables: tuple[str, ...], *, hidden: bool) -> Callable[[Command], Command]:
    rows = [row for row in ALL_SETTINGS if row.variable in variables]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(**values: Any) -> int | None:
            given = {row.variable: values.pop(_parameter(row)) for row in rows}
            flags = {variable: text for variable, text in given.items() if text is not None}
            return command(configuration(flags), **values)

        for row in reversed(rows):
            option = click.option(
                row.flag, _parameter(row), metavar="…", help=f"{row.meaning} [{row.default}]", hidden=hidden
            )
            run = option(run)
        return run

    return decorate


def _parameter(row: Setting) -> str:
    return f"setting_{row.field}"
