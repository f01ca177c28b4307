"""Every command's own page, without running any."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from turnpike.cli import COMMANDS, turnpike

LISTS = (
    "plan",
    "apply",
    "export",
    "get",
    "models",
    "explain",
    "audit",
    "doctor",
    "settings",
    "version",
    "keys create",
    "keys list",
    "keys rotate",
    "keys revoke",
)
PAGES = (*COMMANDS, *(name for name in LISTS if " " in name))


@pytest.mark.parametrize("command", PAGES)
def test_a_command_has_help_with_an_example(command: str) -> None:
    shown = CliRunner().invoke(turnpike, [*command.split(), "--help"])
    assert shown.exit_code == 0
    assert "Example: " in shown.output
    assert f"turnpike {command.split()[0]}" in shown.output


@pytest.mark.parametrize("command", LISTS)
def test_what_shows_something_takes_json(command: str) -> None:
    assert "--json" in CliRunner().invoke(turnpike, [*command.split(), "--help"]).output


def test_the_overview_names_every_command_with_the_first_words_of_its_page() -> None:
    overview = CliRunner().invoke(turnpike, ["--help"]).output
    context = click.Context(turnpike)
    for name, (_, line) in COMMANDS.items():
        command = turnpike.get_command(context, name)
        assert command is not None
        assert name in overview
        assert line.rstrip(".").split(":")[0] in (command.help or "").replace("\n", " ")


def test_an_unknown_command_is_wrong_usage() -> None:
    shown = CliRunner().invoke(turnpike, ["frobnicate"])
    assert shown.exit_code == 2
    assert "No such command 'frobnicate'" in shown.output


def test_a_mistyped_command_is_told_the_nearest() -> None:
    shown = CliRunner().invoke(turnpike, ["aply"])
    assert shown.exit_code == 2
    assert "No such command 'aply'. Did you mean 'apply'?" in shown.output
