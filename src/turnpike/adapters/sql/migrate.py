"""Brings a database to the form that this release works with."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from turnpike.adapters.sql.engine import MIGRATION_SECONDS, told, writing
from turnpike.domain.errors import StoreUnavailable

MIGRATIONS = Path(__file__).with_name("migrations")
_LOCK = 0x7475726E70696B65
"""PostgreSQL's advisory lock that lets one process migrate at a time."""


def migrate(engine: sa.Engine) -> None:
    """Run the migrations that are still to run, all or none of them; two at once take turns."""
    if engine.dialect.name == "sqlite":
        _use_write_ahead_log(engine)
    with writing(engine, MIGRATION_SECONDS) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as fault:
            raise StoreUnavailable(
                f"the store's tables are of another release than this one ({fault}): start the release that"
                " wrote them, or a newer one"
            ) from fault


def _use_write_ahead_log(engine: sa.Engine) -> None:
    """Readers never wait for the writer; the setting stays with the file."""
    with told(), closing(engine.raw_connection()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")
