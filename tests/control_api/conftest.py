"""Fixtures of the control plane's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.control_api.bench import KINDS, Bench, CountedRandomness, SetClock
from turnpike.adapters.sealing.seal import MasterKeySeal
from turnpike.adapters.sql.store import SqlStore, open_sqlite_store
from turnpike.control.plane import Plane
from turnpike.control.services.documents import Document
from turnpike.control.services.start import Variables, start

Opening = Callable[..., Bench]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opening]:
    """Starts control on the test's store, again and again if wanted."""
    stores: list[SqlStore] = []
    clock, randomness = SetClock(), CountedRandomness()

    def open_bench(
        document: Document | None = None, master_key: bytes = b"m" * 32, variables: Variables | None = None
    ) -> Bench:
        store = open_sqlite_store(tmp_path / "turnpike.db")
        stores.append(store)
        plane = Plane(store, MasterKeySeal(master_key, randomness), clock, randomness, KINDS)
        started = start(plane, variables or Variables(None, {}), document)
        return Bench(plane, clock, started, tmp_path)

    yield open_bench
    for store in stores:
        store.close()


@pytest.fixture
def bench(opened: Opening) -> Bench:
    """A control plane at its first start."""
    return opened()


@pytest.fixture
def anyio_backend() -> str:
    """The control plane runs on asyncio alone."""
    return "asyncio"
