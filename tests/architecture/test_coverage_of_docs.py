"""The reference pages name exactly what there is: no setting, command or error without its line."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.architecture.tree import REPOSITORY
from turnpike.bootstrap.configuration import ALL_SETTINGS
from turnpike.cli import COMMANDS
from turnpike.domain.call_status import CallStatus
from turnpike.domain.errors import StoreUnavailable, TurnpikeError, UpstreamRateLimited

DOCS = REPOSITORY / "docs"


def test_every_setting_has_its_row_with_its_default() -> None:
    rows = _rows("settings.md")
    documented = {re.sub("`", "", cells[0]): cells[1] for cells in rows if cells[0].startswith("`TURNPIKE_")}
    assert documented == {setting.variable: setting.default for setting in ALL_SETTINGS}


def test_every_command_has_its_row() -> None:
    documented = {
        match[1] for cells in _rows("command-line.md") if (match := re.match(r"`turnpike (\S+)`", cells[0]))
    }
    assert documented == set(COMMANDS)


def test_every_error_has_its_row_with_its_status() -> None:
    documented = {
        (int(status), cells[1].strip("`"))
        for cells in _rows("errors.md")
        if re.match(r"\d", cells[0])
        for status in cells[0].split(",")
    }
    assert documented == {(error.http_status, error.code) for error in _errors(TurnpikeError)}


def test_every_status_of_a_call_is_explained() -> None:
    documented = {
        match[1] for cells in _rows("metrics.md") if (match := re.fullmatch(r"\*\*(\w+)\*\*", cells[0]))
    }
    assert documented == set(CallStatus)


def test_the_query_of_failures_counts_what_is_no_callers_fault_and_nothing_else() -> None:
    page = (DOCS / "metrics.md").read_text()
    counted, spared = re.search(r'code=~"([^"]+)", code!="([^"]+)"', page).groups()  # type: ignore[union-attr]  # fails where it is gone
    errors = [error for error in _errors(TurnpikeError) if error is not StoreUnavailable]  # control's alone
    found = {e.code for e in errors if re.fullmatch(counted, e.code) and e.code != spared}
    assert found == {e.code for e in errors if e.http_status >= 500} | {UpstreamRateLimited.code}


def test_what_is_made_from_tables_is_up_to_date() -> None:
    """Every kind of resource with every field, and the JSON Schema that editors complete by."""
    script = REPOSITORY / "scripts" / "docs_reference.py"
    run = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert run.stdout + run.stderr == ""


def _errors(parent: type[TurnpikeError]) -> list[type[TurnpikeError]]:
    children = parent.__subclasses__()
    return children + [error for child in children for error in _errors(child)]


def _rows(page: str) -> list[list[str]]:
    lines = (DOCS / page).read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
