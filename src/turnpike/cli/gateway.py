"""`turnpike gateway`."""

from __future__ import annotations

import click

from turnpike.bootstrap.configuration import Configuration
from turnpike.bootstrap.gateway import run_gateway
from turnpike.cli.options import GATEWAY_SETTINGS, with_settings


@click.command()
@click.option(
    "--slot",
    type=click.IntRange(0, 255),
    default=0,
    show_default=True,
    help="Which of several workers this is.",
)
@click.option("--supervised", is_flag=True, hidden=True)
@with_settings(*GATEWAY_SETTINGS)
def gateway(found: Configuration, slot: int, supervised: bool) -> int:
    """Run one gateway worker alone; several may share the port.

    It takes its configuration from the control plane at TURNPIKE_CONTROL_URL, and where that does
    not answer from the last good snapshot in its home.

    \b
    Example: TURNPIKE_CONTROL_URL=https://control.internal turnpike gateway --gateway-listen 0.0.0.0:8080
    """
    return run_gateway(found, slot, supervised)
