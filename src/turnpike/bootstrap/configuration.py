"""Every setting of every part, read once per process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from turnpike.gateway.edge.limits import EdgeLimits
from turnpike.settings import (
    SETTINGS,
    Reading,
    Setting,
    Settings,
    environment,
    read_settings,
    rows_of_limits,
    settings_of,
    unknown_variables,
)

ALL_SETTINGS: Final[tuple[Setting, ...]] = SETTINGS + rows_of_limits(EdgeLimits, "edge")


class Configuration(msgspec.Struct, frozen=True):
    """What this process was told: its settings, and the rest of its environment.

    flags: settings given on the command line, by variable, as they were written.
    unknown: variables that look like ours and are not.
    """

    settings: Settings
    readings: tuple[Reading, ...]
    flags: Mapping[str, str]
    environ: Mapping[str, str]
    unknown: tuple[str, ...]


def configuration(flags: Mapping[str, str]) -> Configuration:
    """Read flags and environment. Raises SettingsFault."""
    environ = environment()
    readings = read_settings(ALL_SETTINGS, environ, flags)
    return Configuration(
        settings_of(readings), readings, flags, environ, unknown_variables(ALL_SETTINGS, environ)
    )


def edge_limits(settings: Settings) -> EdgeLimits:
    """The edge's limits as set."""
    return msgspec.structs.replace(EdgeLimits(), **settings.edge)
