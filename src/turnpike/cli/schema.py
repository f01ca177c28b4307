"""`turnpike schema`."""

from __future__ import annotations

import click

from turnpike.bootstrap.schema import schema_of_documents
from turnpike.cli.output import write_json


@click.command()
def schema() -> None:
    """Print the JSON Schema of turnpike.yaml, by which editors complete and check it.

    \b
    Example: turnpike schema > turnpike.schema.json
    """
    write_json(schema_of_documents())
