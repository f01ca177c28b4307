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


def with_settings(*variables: str) -> Callable[[Command], Command]:
    """Give the command flags for these settings (none named: for all) and, first, its `Configuration`."""
    rows = [row for row in ALL_SETTINGS if not variables or row.variable in variables]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(**values: Any) -> int | None:
            given = {row.variable: values.pop(_parameter(row)) for row in rows}
            flags = {variable: text for variable, text in given.items() if text is not None}
            return command(configuration(flags), **values)

        for row in reversed(rows):
            option = click.option(
                row.flag, _parameter(row), metavar="…", help=f"{row.meaning} [{row.default}]"
            )
            run = option(run)
        return run

    return decorate


def _parameter(row: Setting) -> str:
    return f"setting_{row.field}"
