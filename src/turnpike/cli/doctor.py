"""`turnpike doctor`."""

from __future__ import annotations

from typing import Final

import click

from turnpike.bootstrap.configuration import Configuration
from turnpike.bootstrap.doctor import examine
from turnpike.cli.options import DOCTOR_SETTINGS, with_settings
from turnpike.cli.output import say, write_json
from turnpike.doctor.finding import Finding

MARKS: Final = {"fine": "ok", "wrong": "WRONG", "unknown": "?"}
DONE: Final = 0
COULD_NOT: Final = 1


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@with_settings(*DOCTOR_SETTINGS)
def doctor(found: Configuration, as_json: bool) -> int:
    """Find what is wrong with this installation and say how to mend it.

    Asks each configured provider for its list of models, to see whether its key is taken.
    Ends with status 1 where anything is wrong.

    \b
    Example: turnpike doctor
    """
    findings = examine(found)
    if as_json:
        write_json(findings)
    else:
        for finding in findings:
            _show(finding)
    return COULD_NOT if any(finding.state == "wrong" for finding in findings) else DONE


def _show(finding: Finding) -> None:
    say(f"{MARKS[finding.state]:<6} {finding.check}: {finding.says}")
    if finding.mend:
        say(f"       -> {finding.mend}")
