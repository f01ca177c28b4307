"""`turnpike plan`, `apply` and `export`: the configuration as a document."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from turnpike.bootstrap.access import control_client
from turnpike.bootstrap.configuration import Configuration
from turnpike.bootstrap.document import Document, read_document
from turnpike.cli.failure import Failure
from turnpike.cli.options import CLIENT_SETTINGS, with_settings
from turnpike.cli.output import expect_secret, json_text, say, write_json, write_secret, write_text
from turnpike.cli.streams import note, shown
from turnpike.client import Refused, Request
from turnpike.client.answers import Applied, Fault, Planned
from turnpike.files import replace_file

DOCUMENT_TYPE: Final = "application/vnd.turnpike.document+json"
DIFFERENCES_STATUS: Final = 3

Exported = dict[str, list[dict[str, Any]]]
"""Resources by kind."""

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
    request = _request("plan", take_over, read_document(path, owner, found.environ, note))
    with _faults_as_lines():
        planned = control_client(found).ask(request, Planned)
    if as_json:
        write_json(planned.value)
    else:
        say("\n".join(planned.said.lines))
        _note_remarks(planned.said)
    return DIFFERENCES_STATUS if planned.said.changes else 0


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
    request = _request("apply", take_over, read_document(path, owner, found.environ, note))
    expect_secret()
    with _faults_as_lines():
        applied = control_client(found).change(request, Applied)
    text = json_text(applied.value) if as_json else "\n".join(_applied_lines(applied.said))
    _show_applied(text, applied.said)
    if not as_json:
        _note_remarks(applied.said)


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
    control = control_client(found)
    if as_json:
        text = json_text(control.get("/api/v1/export", Exported, owner=owner, format="json").value) + "\n"
    else:
        text = control.document("/api/v1/export", owner=owner)
    if path is None:
        write_text(text)
        return
    try:
        replace_file(path, text.encode())
    except OSError as fault:
        raise Failure(f"{path}: {fault.strerror}") from None


def _request(word: str, take_over: bool, document: Document) -> Request:
    action = f"/api/v1/{word}?take_over=true" if take_over else f"/api/v1/{word}"
    return Request("POST", action, document, DOCUMENT_TYPE)


@contextmanager
def _faults_as_lines() -> Iterator[None]:
    """Faults of the document become lines of `file:line:column: path: message`."""
    try:
        yield
    except Refused as refused:
        lines = [_fault_line(fault) for fault in refused.problem.faults]
        lines += [f"worker {worker} refuses it: {fault}" for worker, fault in refused.problem.workers.items()]
        if not lines:
            raise
        raise Failure("\n".join(lines)) from None


def _fault_line(fault: Fault) -> str:
    where = fault.file or "document"
    if fault.line:
        where = f"{where}:{fault.line}:{fault.column}"
    return ": ".join(part for part in (where, fault.path, fault.message) if part)


def _note_remarks(planned: Planned) -> None:
    for remark in planned.remarks:
        note(f"remark: {_fault_line(remark)}")


def _applied_lines(applied: Applied) -> Iterator[str]:
    yield from map(shown, applied.lines)
    for key in applied.keys:
        yield f"key {shown(key.name)} (shown once): {shown(key.secret)}"
    if applied.changes:
        yield shown(_publication_line(applied))


def _publication_line(applied: Applied) -> str:
    version = applied.version
    behind = [worker.worker for worker in applied.workers if worker.running != version]
    if not applied.workers:
        return f"version {version} is stored; no worker is connected"
    if behind:
        return f"version {version} is published; still without it: {', '.join(behind)}"
    count = len(applied.workers)
    who = f"all {count} workers run" if count > 1 else "the one worker runs"
    return f"version {version}: {who} it, after {applied.took_seconds:.2f} s"


def _show_applied(text: str, applied: Applied) -> None:
    """What was done, in one piece: secrets that Turnpike made stand in it, which nobody sees again."""
    if not applied.keys:
        write_text(text + "\n")
        return
    rotations = ", ".join(f"`turnpike keys rotate {key.name}`" for key in applied.keys)
    write_secret(text, "the document is applied and made keys", f"{rotations} gives new ones")
