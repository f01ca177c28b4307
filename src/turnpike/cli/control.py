"""`turnpike control`."""

from __future__ import annotations

import click

from turnpike.bootstrap.configuration import Configuration
from turnpike.bootstrap.control import run_control
from turnpike.cli.options import CONTROL_SETTINGS, with_settings


@click.command()
@click.option("--supervised", is_flag=True, hidden=True)
@click.option("--starting", is_flag=True, hidden=True)
@with_settings(*CONTROL_SETTINGS)
def control(found: Configuration, supervised: bool, starting: bool) -> int:
    """Run the control plane alone: store, API, publication of snapshots.

    \b
    Example: turnpike control --control-listen 127.0.0.1:8081
    """
    return run_control(found, supervised, starting=starting or not supervised)
