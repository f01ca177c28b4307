"""How a command says that it could not."""

from __future__ import annotations

import click

from turnpike.cli.streams import note


class Failure(click.ClickException):
    """Ends the command with status 1 and the message on standard error, each of its lines marked."""

    def show(self, file: object = None) -> None:
        for line in self.message.splitlines():
            note(f"turnpike: {line}")
