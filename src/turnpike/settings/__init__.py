"""Settings: one table, one reader, and the only place where the environment is looked at."""

from turnpike.settings.reading import (
    Reading,
    Setting,
    SettingsFault,
    environment,
    read_settings,
    rows_of_limits,
    settings_of,
    unknown_variables,
)
from turnpike.settings.table import SETTINGS
from turnpike.settings.values import Address, LogFormat, LogLevel, Settings

__all__ = (
    "SETTINGS",
    "Address",
    "LogFormat",
    "LogLevel",
    "Reading",
    "Setting",
    "Settings",
    "SettingsFault",
    "environment",
    "read_settings",
    "rows_of_limits",
    "settings_of",
    "unknown_variables",
)
