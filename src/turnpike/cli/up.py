"""`turnpike up`."""

from __future__ import annotations

import click

from turnpike.bootstrap.configuration import Configuration
from turnpike.bootstrap.up import run_up
from turnpike.cli.options import ALL, with_settings


@click.command()
@with_settings(*ALL)
def up(found: Configuration) -> int:
    """Start everything on this machine: supervisor, gateway workers, control.

    Ctrl-C or SIGTERM lets calls in flight finish, then ends; a second Ctrl-C ends at once.

    \b
    Example: turnpike up --workers 4 --config turnpike.yaml
    """
    return run_up(found)
