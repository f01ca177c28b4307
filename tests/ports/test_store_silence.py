"""A PostgreSQL that stands still: its sockets stay open, and nothing comes."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests.ports.test_store import fresh_database
from turnpike.adapters.sql.engine import OPEN_SECONDS
from turnpike.adapters.sql.store import SqlStore, open_postgres_store
from turnpike.domain.errors import StoreUnavailable

THREADS = 6
USES = 60
SLACK_SECONDS = 5.0
BACK_SECONDS = 20.0


@pytest.fixture
def store(postgres_url: str) -> Iterator[SqlStore]:
    store = open_postgres_store(fresh_database(postgres_url))
    store.migrate()
    yield store
    store.close()
    # A connection that never came about is closed with its traceback; the server waits for it at its end.
    gc.collect()


@contextmanager
def standing_still(url: str) -> Iterator[None]:
    """All processes of the server are stopped."""
    with psycopg.connect(url) as connection:
        server = _parent(connection.info.backend_pid)
    processes = [server, *(pid for pid in _processes() if _parent(pid) == server)]
    for pid in processes:
        _tell(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in processes:
            _tell(pid, signal.SIGCONT)


def _tell(pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, what)


def _processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except FileNotFoundError:
        return 0


def is_refused(store: SqlStore) -> bool:
    try:
        store.revision()
    except StoreUnavailable:
        return True
    return False


@pytest.mark.timeout(60)
def test_every_use_of_a_database_that_stands_still_is_refused_within_a_bound(
    store: SqlStore, postgres_url: str
) -> None:
    """More uses than threads, and none waits for the others' time."""
    assert store.revision() == 0
    with standing_still(postgres_url), ThreadPoolExecutor(THREADS) as threads:
        began = time.monotonic()
        refused = list(threads.map(is_refused, [store] * USES))
        took_seconds = time.monotonic() - began
    assert refused == [True] * USES
    # One round of waiting, and perhaps another one by whoever tried whether it is back.
    assert took_seconds < 2 * OPEN_SECONDS + SLACK_SECONDS
    deadline = time.monotonic() + BACK_SECONDS
    while is_refused(store):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert store.state().revision == 0
