"""`turnpike plan`, `apply` and `export`: the configuration as a document."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from turnpike.bootstrap.access import control_client
from turnpike.bootstrap.configuration import Configuration
from turnpike.bootstrap.document import Document, read_document
from turnpike.cli.failure import Failure
from turnpike.cli.options import CLIENT_SETTINGS, with_settings
from turnpike.cli.output import write_json
from turnpike.client import ControlClient, Refused

DOCUMENT_TYPE: Final = "application/vnd.turnpike.document+json"
DIFFERENCES_STATUS: Final = 3

_file = click.option(
    "-f",
    "--file",
    "path",
    default="turnpike.yaml",
    show_default=True,
    help='The document; "-" reads standard input.',
)
_owner = click.option("--owner", metavar="NAME", help="Who owns what the document names. [the file's name]")
_take_over = click.option(
    "--take-over", is_flag=True, help="What the document names and others made becomes its own."
)
_json = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.command()
@_file
@_owner
@_take_over
@_json
@with_settings(*CLIENT_SETTINGS)
def plan(found: Configuration, path: str, owner: str | None, take_over: bool, as_json: bool) -> int:
    """Show what applying a document would change.

    Ends with status 0 where nothing would, 3 where there are differences.

    \b
    Example: turnpike plan -f turnpike.yaml
    """
    document = read_document(path, owner, found.environ)
    planned = _send(control_client(found), _action("plan", take_over), document)
    if as_json:
        write_json(planned)
    else:
        _show_plan(planned)
    return DIFFERENCES_STATUS if planned["changes"] else 0


@click.command()
@_file
@_owner
@_take_over
@_json
@with_settings(*CLIENT_SETTINGS)
def apply(found: Configuration, path: str, owner: str | None, take_over: bool, as_json: bool) -> None:
    """Make the configuration what a document says.

    What an earlier version of the document made and this one no longer names is removed; what was
    made elsewhere stays, and is not touched unless --take-over says so. References such as ${env:NAME}
    and ${file:path} are resolved here.

    \b
    Example: turnpike apply -f turnpike.yaml --owner platform-team
    """
    document = read_document(path, owner, found.environ)
    applied = _send(control_client(found), _action("apply", take_over), document)
    if as_json:
        write_json(applied)
        return
    _show_plan(applied)
    _show_keys(applied)
    _show_publication(applied)


@click.command()
@click.option(
    "-o", "--output", "path", type=click.Path(dir_okay=False, path_type=Path), help="Write to this file."
)
@click.option("--owner", metavar="NAME", help="Only what this document made.")
@_json
@with_settings(*CLIENT_SETTINGS)
def export(found: Configuration, path: Path | None, owner: str | None, as_json: bool) -> None:
    """Write the configuration as a document, for another installation or a backup.

    Secrets stand in it as their references, never as values. In the same installation what it names
    belongs to whoever made it: `turnpike apply --take-over` makes it the document's own.

    \b
    Example: turnpike export -o turnpike.yaml
    """
    answer = control_client(found).get("/api/v1/export", owner=owner, format="json" if as_json else None)
    text = answer.body.decode()
    if path is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    try:
        path.write_text(text)
    except OSError as fault:
        raise Failure(f"{path}: {fault.strerror}") from None


def _action(word: str, take_over: bool) -> str:
    return f"{word}?take_over=true" if take_over else word


def _send(control: ControlClient, action: str, document: Document) -> Mapping[str, Any]:
    """Plan or apply; faults of the document become lines of `file:line:column: path: message`."""
    try:
        answer = control.send("POST", f"/api/v1/{action}", document, DOCUMENT_TYPE)
    except Refused as refused:
        lines = [_fault_line(fault) for fault in refused.problem.get("faults") or ()]
        workers = refused.problem.get("workers") or {}
        lines += [f"worker {worker} refuses it: {fault}" for worker, fault in workers.items()]
        if not lines:
            raise
        raise Failure("\n".join(lines)) from None
    planned: Mapping[str, Any] = answer.json()
    return planned


def _fault_line(fault: Mapping[str, Any]) -> str:
    where = fault.get("file") or "document"
    if fault.get("line"):
        where = f"{where}:{fault['line']}:{fault['column']}"
    parts = [where, fault.get("path"), fault.get("message")]
    return ": ".join(part for part in parts if part)


def _show_plan(planned: Mapping[str, Any]) -> None:
    for line in planned["lines"]:
        click.echo(line)
    for remark in planned["remarks"]:
        click.echo(f"remark: {_fault_line(remark)}", err=True)


def _show_keys(applied: Mapping[str, Any]) -> None:
    """Secrets that Turnpike made: this is the only time that anybody sees them."""
    for key in applied.get("keys") or ():
        click.echo(f"key {key['name']} (shown once): {key['secret']}")


def _show_publication(applied: Mapping[str, Any]) -> None:
    if not applied["changes"]:
        return
    version, workers = applied["version"], applied["workers"]
    behind = [worker["worker"] for worker in workers if worker["running"] != version]
    if not workers:
        click.echo(f"version {version} is stored; no worker is connected")
    elif behind:
        click.echo(f"version {version} is published; still without it: {', '.join(behind)}")
    else:
        who = f"all {len(workers)} workers run" if len(workers) > 1 else "the one worker runs"
        click.echo(f"version {version}: {who} it, after {applied['took_seconds']:.2f} s")
