"""Every command's own page, without running any."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from turnpike.cli import COMMANDS, turnpike
from turnpike.cli.options import ALL, CONTROL_SETTINGS, DOCTOR_SETTINGS, GATEWAY_SETTINGS

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


@pytest.mark.parametrize(
    ("command", "listed", "left_out"),
    [
        ("up", ("--workers", "--store-url", "--edge-linger-seconds"), ()),
        ("gateway", ("--gateway-listen", "--edge-linger-seconds"), ("--store-url", "--workers", "--config")),
        ("control", ("--control-listen", "--store-url"), ("--edge-", "--gateway-listen", "--workers")),
        ("doctor", ("--gateway-listen", "--store-url"), ("--edge-", "--workers", "--log-level")),
        ("settings", ("--json",), ("--edge-", "--workers")),
    ],
)
def test_the_page_of_a_role_lists_the_settings_that_it_reads(
    command: str, listed: tuple[str, ...], left_out: tuple[str, ...]
) -> None:
    page = CliRunner().invoke(turnpike, [command, "--help"]).output
    assert [flag for flag in listed if flag not in page] == []
    assert [flag for flag in left_out if flag in page] == []


def test_every_setting_is_a_flag_of_a_role() -> None:
    of_roles = {*GATEWAY_SETTINGS, *CONTROL_SETTINGS}
    assert {*ALL} - of_roles == {"TURNPIKE_WORKERS"}
    assert of_roles | {*DOCTOR_SETTINGS} <= {*ALL}
