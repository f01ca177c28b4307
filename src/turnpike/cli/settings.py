"""`turnpike settings`."""

from __future__ import annotations

import click

from turnpike.bootstrap.configuration import Configuration
from turnpike.cli.options import with_every_setting_unlisted
from turnpike.cli.output import write_json, write_table
from turnpike.cli.streams import note
from turnpike.settings import Reading


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@with_every_setting_unlisted()
def settings(found: Configuration, as_json: bool) -> None:
    """List every setting, its value and where it came from, its default and meaning.

    Secrets are shown only as set or not set. It takes the flags of `turnpike up`, and shows what they make of it.

    \b
    Example: TURNPIKE_WORKERS=4 turnpike settings
    """
    if as_json:
        write_json([_as_value(reading) for reading in found.readings])
        return
    titles = ("SETTING", "VALUE", "FROM", "DEFAULT", "MEANING")
    write_table(titles, [_as_row(reading) for reading in found.readings])
    for name in found.unknown:
        note(f"turnpike: {name} is set, but there is no such setting")


def _as_value(reading: Reading) -> dict[str, object]:
    setting = reading.setting
    return {
        "name": setting.variable,
        "flag": setting.flag,
        "value": reading.shown if reading.value is not None and not setting.secret else None,
        "set": reading.origin != "default",
        "from": reading.origin,
        "default": setting.default,
        "secret": setting.secret,
        "meaning": setting.meaning,
    }


def _as_row(reading: Reading) -> tuple[str, ...]:
    setting = reading.setting
    return setting.variable, reading.shown, reading.origin, setting.default, setting.meaning
