"""`turnpike keys`: the secrets that open the gateway and the control API."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import click

from turnpike.adapters.system.clock import SystemClock
from turnpike.bootstrap.access import control_client
from turnpike.bootstrap.configuration import Configuration
from turnpike.cli.failure import Failure
from turnpike.cli.options import CLIENT_SETTINGS, with_settings
from turnpike.cli.output import expect_secret, json_text, say, write_json, write_secret, write_table
from turnpike.cli.streams import note, shown
from turnpike.client import Refused, Request, Told, quoted
from turnpike.client.answers import Fault, Key, NewSecret, Revoked

EXISTS_STATUS: Final = 412
"""What a precondition that fails answers (RFC 9110, 15.5.13): here, that there be no such key."""

WORDS_OF_FIELDS: Final = {
    "name": "NAME",
    "models": "--model",
    "surfaces": "--surface",
    "networks": "--network",
    "tags": "--tag",
}
"""What is typed for a field of the key; the flags that are not here are called as their field is."""

_json = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.group()
def keys() -> None:
    """Create, list, rotate and revoke keys.

    \b
    Example: turnpike keys create research-app --team research
    """


def _tags(_context: click.Context, _parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Tags as they are typed. Raises UsageError for one without a sign between name and value."""
    for tag in given:
        if "=" not in tag:
            raise click.UsageError(f"--tag: found {tag!r}; a tag is typed as NAME=VALUE")
    return {name: value for name, _, value in (tag.partition("=") for tag in given)}


@keys.command()
@click.argument("name")
@click.option("--team", help="The team that the key belongs to.")
@click.option("--project", help="The project that the key belongs to.")
@click.option("--user", help="The user that the key belongs to.")
@click.option("--role", help="For the control API: owner, admin, viewer, auditor or finance.")
@click.option(
    "--model", "models", multiple=True, help="A model, or a pattern, that it may use; may be repeated."
)
@click.option(
    "--surface", "surfaces", multiple=True, help="A surface, or a pattern, that it may use; may be repeated."
)
@click.option(
    "--network", "networks", multiple=True, help="A network that calls may come from; may be repeated."
)
@click.option(
    "--tag",
    "tags",
    metavar="NAME=VALUE",
    multiple=True,
    callback=_tags,
    help="A tag of each call, where the call says no other; may be repeated.",
)
@click.option(
    "--acts-for", multiple=True, help="An end user, or a pattern, whom calls may name; may be repeated."
)
@click.option("--expires-at", metavar="TIME", help="When it stops working, as 2027-01-31T00:00:00Z.")
@click.option("--description", help="For people.")
@_json
@with_settings(*CLIENT_SETTINGS)
def create(found: Configuration, name: str, as_json: bool, **fields: Any) -> None:
    """Create a key and show its secret, this once.

    \b
    Example: turnpike keys create research-app --team research --model fast
    """
    given = {field: value for field, value in fields.items() if value not in (None, (), {})}
    expect_secret()
    try:
        made = control_client(found).change(
            Request("PUT", f"/api/v1/keys/{quoted(name)}", given, only_new=True), NewSecret
        )
    except Refused as refused:
        if refused.status == EXISTS_STATUS:
            raise Failure(_said_of_taken(found, name)) from None
        if not refused.problem.faults:
            raise
        raise Failure("\n".join(_said_of_flag(fault) for fault in refused.problem.faults)) from None
    if not as_json:
        for remark in made.said.meta.remarks:
            note(f"remark: {_said_of_flag(remark)}")
    _show_secret(made, f"key {name} is made", as_json)


@keys.command("list")
@_json
@with_settings(*CLIENT_SETTINGS)
def list_keys(found: Configuration, as_json: bool) -> None:
    """List the keys; secrets are never among what is listed.

    \b
    Example: turnpike keys list --json
    """
    known = control_client(found).all_of("keys", Key)
    if as_json:
        write_json(known.value)
        return
    titles = ("NAME", "BELONGS TO", "MODELS", "EXPIRES", "STATE")
    write_table(titles, [_row(key) for key in known.said])


@keys.command()
@click.argument("name")
@click.option("--overlap-seconds", type=click.IntRange(0), help="How long the old secret goes on working.")
@_json
@with_settings(*CLIENT_SETTINGS)
def rotate(found: Configuration, name: str, overlap_seconds: int | None, as_json: bool) -> None:
    """Give a key a new secret and show it, this once; the old one works for the overlap.

    \b
    Example: turnpike keys rotate research-app --overlap-seconds 3600
    """
    given = {} if overlap_seconds is None else {"overlap_seconds": overlap_seconds}
    expect_secret()
    made = control_client(found).change(
        Request("POST", f"/api/v1/keys/{quoted(name)}/rotate", given), NewSecret
    )
    _show_secret(made, f"key {name} has a new secret", as_json)


@keys.command()
@click.argument("name")
@_json
@with_settings(*CLIENT_SETTINGS)
def revoke(found: Configuration, name: str, as_json: bool) -> None:
    """Make a key worthless, everywhere within a second and for good.

    \b
    Example: turnpike keys revoke research-app
    """
    revoked = control_client(found).change(
        Request("POST", f"/api/v1/keys/{quoted(name)}/revoke", {}), Revoked
    )
    if as_json:
        write_json(revoked.value)
        return
    say(f"key {name} is revoked")
    for remark in revoked.said.meta.remarks:
        note(f"remark: {remark.message}")


def _said_of_taken(found: Configuration, name: str) -> str:
    """A revoked key is not rotated, and one that the caller may not see is not told about."""
    try:
        key = control_client(found).get(f"/api/v1/keys/{quoted(name)}", Key).said
    except Refused:
        return f'the name "{name}" is taken: choose another name'
    if key.is_revoked:
        return f'there is a key "{name}" already, which is revoked for good: choose another name'
    return f'there is a key "{name}" already: choose another name, or `turnpike keys rotate {name}`'


def _said_of_flag(fault: Fault) -> str:
    """A fault of the key in the words of the command; where it stands in a body that nobody wrote is left out."""
    field = fault.path.partition("[")[0].partition(".")[0]
    if not field:
        return fault.message
    return f"{WORDS_OF_FIELDS.get(field, '--' + field.replace('_', '-'))}: {fault.message}"


def _show_secret(made: Told[NewSecret], done: str, as_json: bool) -> None:
    name = made.said.name
    mend = f"`turnpike keys rotate {name}` gives a new one"
    write_secret(json_text(made.value) if as_json else shown(made.said.secret), done, mend)
    if not as_json:
        note(f"key {name}: this is the only time that its secret is shown")


def _row(key: Key) -> tuple[str, ...]:
    owners = (("team", key.team), ("project", key.project), ("user", key.user), ("role", key.role))
    owner = next((f"{kind} {name}" for kind, name in owners if name), "-")
    narrowed = ", ".join(key.models or ())
    # A key that belongs to nobody has no owner whose models it could use: without its own it may use none.
    belongs = key.team or key.project or key.user
    models = narrowed or ("as its owner" if belongs and key.models is None else "none")
    return key.name, owner, models, key.expires_at or "never", _state(key)


def _state(key: Key) -> str:
    if key.is_revoked:
        return "revoked"
    expires_at = key.expires_at
    if expires_at and datetime.fromisoformat(expires_at).timestamp() * 1e9 <= SystemClock().now_ns():
        return "expired"
    return "active"
