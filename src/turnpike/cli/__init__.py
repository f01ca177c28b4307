"""The command line. Each command's module is loaded when that command runs, so that each starts fast."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import ModuleType
from typing import Final

import click

from turnpike import __version__
from turnpike.bootstrap.fault import CannotStart
from turnpike.bootstrap.packages import PackagesMissing, missing_package
from turnpike.cli.failure import Failure
from turnpike.cli.streams import shown
from turnpike.client import ControlFault
from turnpike.settings import SettingsFault
from turnpike.supervisor.notices import HOPELESS_STATUS

DONE, COULD_NOT, WRONG_USAGE, DIFFERENCES = 0, 1, 2, 3

STATUSES: Final[Mapping[type[Exception], int]] = {
    SettingsFault: WRONG_USAGE,
    PackagesMissing: HOPELESS_STATUS,
    CannotStart: COULD_NOT,
    ControlFault: COULD_NOT,
    # The last resort: what the machine, a file or a text from outside did where nobody expected it.
    OSError: COULD_NOT,
    UnicodeError: COULD_NOT,
    RecursionError: COULD_NOT,
}
"""How a command ends that one of these ended."""

COMMANDS: Final = {
    "up": ("turnpike.cli.up", "Start everything: supervisor, gateway workers, control."),
    "gateway": ("turnpike.cli.gateway", "Run one gateway worker alone."),
    "control": ("turnpike.cli.control", "Run the control plane alone."),
    "plan": ("turnpike.cli.documents", "Show what applying a document would change."),
    "apply": ("turnpike.cli.documents", "Make the configuration what a document says."),
    "export": ("turnpike.cli.documents", "Write the configuration as a document."),
    "schema": ("turnpike.cli.schema", "Print the JSON Schema of turnpike.yaml."),
    "keys": ("turnpike.cli.keys", "Create, list, rotate and revoke keys."),
    "get": ("turnpike.cli.resources", "Show the resources of a kind, or one of them."),
    "delete": ("turnpike.cli.resources", "Remove a resource that no other one needs."),
    "models": ("turnpike.cli.resources", "List the models that callers may ask for."),
    "explain": ("turnpike.cli.explain", "Say why a key may or may not ask for a model."),
    "audit": ("turnpike.cli.resources", "List changes: who, when, what."),
    "doctor": ("turnpike.cli.doctor", "Find what is wrong with this installation and say how to mend it."),
    "settings": ("turnpike.cli.settings", "List every setting, its value and where it came from."),
    "sim": ("turnpike.cli.sim", "Run a simulated provider."),
    "version": ("turnpike.cli.version", "Print the version."),
}
"""Command -> its module, which has it under its own name, and a line for the overview."""


class CommandTable(click.Group):
    """A group whose commands stand in `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = _module(COMMANDS[cmd_name][0])
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as unknown:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if not near:
                raise
            raise click.UsageError(f"{unknown.message} Did you mean '{near[0]}'?", ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


def _module(name: str) -> ModuleType:
    """A command's module. Raises PackagesMissing where this installation has not what it needs."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as fault:
        told = missing_package(fault)
        if told is None:
            raise
        raise told from None


@click.group(cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="turnpike %(version)s")
def turnpike() -> None:
    """Turnpike: one governed road for every AI call that an organisation makes.

    \b
    turnpike up                     start everything on this machine
    turnpike COMMAND --help         what a command does, with an example
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process: 0 done, 1 could not, 2 wrong usage, 3 differences, 78 never will.

    arguments: those after the command's name; None takes the process's own.
    """
    sys.exit(_status(sys.argv[1:] if arguments is None else list(arguments)))


def _status(arguments: list[str]) -> int:
    """Run a command; its exit status. Whatever is no fault of this program ends in words."""
    try:
        _check_arguments(arguments)
        return turnpike.main(arguments, prog_name="turnpike", standalone_mode=False) or DONE
    except click.ClickException as fault:
        with suppress(OSError):
            fault.show()
        return fault.exit_code
    except (click.Abort, KeyboardInterrupt):
        return COULD_NOT
    except tuple(STATUSES) as fault:
        Failure(_words(fault)).show()
        return next(status for type_, status in STATUSES.items() if isinstance(fault, type_))


def _check_arguments(arguments: list[str]) -> None:
    """Raises UsageError for one that is no text: nothing that control keeps or answers could be called so."""
    for argument in arguments:
        if not argument.isascii() and any("\ud800" <= sign <= "\udfff" for sign in argument):
            raise click.UsageError(f"found {shown(argument)!r}, which is not UTF-8; every argument is")


def _words(fault: BaseException) -> str:
    if isinstance(fault, OSError) and fault.strerror:
        return f"{fault.filename}: {fault.strerror}" if fault.filename else fault.strerror
    return str(fault) or type(fault).__name__
