"""`turnpike get`, `delete`, `models` and `audit`: what is configured, and who changed it."""

from __future__ import annotations

from typing import Final

import click
import msgspec

from turnpike.bootstrap.access import control_client
from turnpike.bootstrap.configuration import Configuration
from turnpike.cli.options import CLIENT_SETTINGS, with_settings
from turnpike.cli.output import say, write_json, write_table
from turnpike.client import quoted
from turnpike.client.answers import Model, Resource, Trail

KINDS: Final = ("providers", "models", "teams", "projects", "users", "keys")
_json = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name", required=False)
@_json
@with_settings(*CLIENT_SETTINGS)
def get(found: Configuration, kind: str, name: str | None, as_json: bool) -> None:
    """Show the resources of a kind, or one of them.

    \b
    Example: turnpike get teams research
    """
    control = control_client(found)
    if name is not None:
        write_json(control.get(f"/api/v1/{kind}/{quoted(name)}", Resource).value)
        return
    resources = control.all_of(kind, Resource)
    if as_json:
        write_json(resources.value)
        return
    write_table(("NAME", "FIELDS"), [(resource["name"], _fields(resource)) for resource in resources.value])


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@with_settings(*CLIENT_SETTINGS)
def delete(found: Configuration, kind: str, name: str) -> None:
    """Remove a resource that no other one needs.

    What a document made and still names comes back with its next `turnpike apply`.

    \b
    Example: turnpike delete keys research-app
    """
    control_client(found).remove(f"/api/v1/{kind}/{quoted(name)}")
    say(f"{kind}/{name} is removed")


@click.command()
@_json
@with_settings(*CLIENT_SETTINGS)
def models(found: Configuration, as_json: bool) -> None:
    """List the models that callers may ask for, and where their calls go.

    \b
    Example: turnpike models
    """
    known = control_client(found).all_of("models", Model)
    if as_json:
        write_json(known.value)
        return
    write_table(("MODEL", "TARGETS"), [(model.name, _targets(model)) for model in known.said])


@click.command()
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many, newest first."
)
@click.option("--kind", type=click.Choice(KINDS), help="Only changes of this kind of resource.")
@click.option("--name", help="Only changes of the resource of this name.")
@_json
@with_settings(*CLIENT_SETTINGS)
def audit(found: Configuration, limit: int, kind: str | None, name: str | None, as_json: bool) -> None:
    """List changes: who, when, what.

    \b
    Example: turnpike audit --kind keys
    """
    trail = control_client(found).get("/api/v1/audit", Trail, limit=limit, kind=kind, name=name)
    if as_json:
        write_json(trail.value["items"])
        return
    titles = ("AT", "ACTOR", "ACTION", "RESOURCE")
    rows = [(event.at, event.actor, event.action, f"{event.kind}/{event.name}") for event in trail.said.items]
    write_table(titles, rows)


def _fields(resource: dict[str, object]) -> str:
    fields = {
        name: value
        for name, value in resource.items()
        if name not in ("name", "meta") and value not in (None, [], {})
    }
    return msgspec.json.encode(fields).decode()


def _targets(model: Model) -> str:
    return ", ".join(f"{target.provider}/{target.model}" for target in model.targets)
