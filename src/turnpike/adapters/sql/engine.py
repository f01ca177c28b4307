"""Connections to SQLite and PostgreSQL, set up so that both behave alike.

On either, `reading` sees one consistent state for its whole length, and `writing` is alone; no value that is stored
stands in what is said of a fault.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

from turnpike.adapters.sql.patience import SILENT, StorePatience, make_impatient
from turnpike.adapters.system.clock import SystemClock
from turnpike.domain.errors import StoreUnavailable

BUSY_TIMEOUT_MS = 10_000
CONNECT_TIMEOUT_SECONDS = 5
STATEMENT_TIMEOUT_MS = 30_000
POOL_CONNECTIONS = 8
POOL_WAIT_SECONDS = 5
FILE_MODE = 0o600

OPEN_SECONDS = 5.0
"""How long a use of PostgreSQL may take to have a connection that answers."""

READ_SECONDS = 10.0
"""How long a reading use of PostgreSQL may take from then on."""

WRITE_SECONDS = 30.0
"""How long a writing one may take."""

MIGRATION_SECONDS = 600.0
"""How long bringing a database to this release's form may take; others wait for it at their start."""

SILENCE_SECONDS = 1.0
"""How long a database that did not answer in time is left alone before one use tries it again."""

_WRITES = "turnpike_writes"
_PATIENCE = "turnpike_patience"


def sqlite_engine(path: Path) -> sa.Engine:
    """Connections to the database file at `path`, which is made where there is none (mode 600)."""
    try:
        # SQLite gives its journal the mode of the database: made here, neither is ever open to others.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE))
    except OSError as fault:
        raise StoreUnavailable(f"the store's file {path} cannot be opened: {fault.strerror}") from fault
    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=str(path)),
        hide_parameters=True,
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
        pool_size=POOL_CONNECTIONS,
        pool_timeout=POOL_WAIT_SECONDS,
    )
    made = path.stat()
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", lambda _: _check_still_there(path, made))
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def postgres_engine(url: str) -> sa.Engine:
    """Connections to the PostgreSQL database of a `postgresql://…` address. Raises StoreUnavailable."""
    patience = StorePatience(SILENCE_SECONDS, SystemClock())
    try:
        engine = sa.create_engine(
            sa.make_url(url).set(drivername="postgresql+psycopg"),
            hide_parameters=True,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_SECONDS,
                "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS}",
            },
            isolation_level="REPEATABLE READ",
            pool_size=POOL_CONNECTIONS,
            pool_timeout=POOL_WAIT_SECONDS,
            pool_pre_ping=True,
            execution_options={_PATIENCE: patience},
        )
    except ImportError as missing:
        raise StoreUnavailable(
            f"a store on PostgreSQL needs its driver ({missing}): in Turnpike's clone, pip install '.[control,postgres]'"
            " (of a wheel that was built there: pip install 'turnpike_ai-VERSION-py3-none-any.whl[control,postgres]')"
        ) from missing
    event.listen(engine, "do_connect", lambda dialect, _, args, how: _connect(dialect, args, how, patience))
    return engine


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that sees one state of the database throughout."""
    with told(), _connected(engine, READ_SECONDS) as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: sa.Engine, seconds: float = WRITE_SECONDS) -> Iterator[sa.Connection]:
    """A connection whose changes become permanent together at the end, or, on any exception, not at all."""
    with told(), _connected(engine, seconds) as connection:
        options = (
            {_WRITES: True} if engine.dialect.name == "sqlite" else {"isolation_level": "READ COMMITTED"}
        )
        writer = connection.execution_options(**options)
        with writer.begin():
            yield writer


@contextmanager
def told() -> Iterator[None]:
    """Whatever the driver says becomes StoreUnavailable, its first line kept."""
    try:
        yield
    except sa.exc.IntegrityError:
        raise
    except DBAPIError as fault:
        raise StoreUnavailable(f"the store cannot be used: {_first_line(fault.orig)}") from fault
    except sqlite3.Error as fault:
        raise StoreUnavailable(f"the store cannot be used: {_first_line(fault)}") from fault
    except PoolTimeout as fault:
        raise StoreUnavailable("the store is busy: no connection became free in time") from fault
    except SQLAlchemyError as fault:
        raise StoreUnavailable(f"the store cannot be used: {_first_line(fault)}") from fault


@contextmanager
def _connected(engine: sa.Engine, seconds: float) -> Iterator[sa.Connection]:
    """A connection for a use that may take so long, where it goes to another process at all."""
    patience: StorePatience | None = engine.get_execution_options().get(_PATIENCE)
    if patience is None:
        with engine.connect() as connection:
            yield connection
        return
    with patience.use(OPEN_SECONDS), engine.connect() as connection:
        patience.allow(seconds)
        yield connection


def _connect(dialect: Any, args: tuple[Any, ...], how: dict[str, Any], patience: StorePatience) -> Any:
    left = patience.left()
    if left is not None and left <= 0:
        patience.gave_up()
        raise StoreUnavailable(SILENT)
    try:
        connection = dialect.loaded_dbapi.connect(*args, **how)
    except dialect.loaded_dbapi.errors.ConnectionTimeout:
        patience.gave_up()
        raise
    make_impatient(connection, patience)
    return connection


def _first_line(fault: BaseException | None) -> str:
    return str(fault).strip().split("\n", 1)[0]


def _set_up_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin where we say: see _begin_sqlite
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _check_still_there(path: Path, made: os.stat_result) -> None:
    """Open connections outlive the file: what is written through them would be gone with the process."""
    try:
        is_there = os.path.samestat(path.stat(), made)
    except OSError:
        is_there = False
    if not is_there:
        raise StoreUnavailable(
            f"the store's file {path} was removed or replaced while control runs on it, and changes would be lost: "
            "put it back where it was, or stop Turnpike, restore its home from a backup and start it again"
        )


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer takes its lock at once: one that read first and writes later could not wait for another.
    immediate = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
