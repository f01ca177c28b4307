"""`turnpike version`."""

from __future__ import annotations

import platform

import click

from turnpike import __version__
from turnpike.cli.output import say, write_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def version(as_json: bool) -> None:
    """Print the version of Turnpike and of Python.

    \b
    Example: turnpike version --json
    """
    if as_json:
        write_json({"turnpike": __version__, "python": platform.python_version()})
        return
    say(f"turnpike {__version__} (Python {platform.python_version()})")
