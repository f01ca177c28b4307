"""One suite for every store: SQLite in a file, and PostgreSQL."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError

from turnpike.adapters.sql.store import open_postgres_store, open_sqlite_store
from turnpike.domain.errors import StoreUnavailable
from turnpike.ports.store import (
    SNAPSHOTS_KEPT,
    AuditEvent,
    AuditHead,
    Change,
    EventQuery,
    SealedSecret,
    Store,
    StoredKey,
    StoredResource,
    StoredSecret,
    StoredSnapshot,
    StoreMoved,
)

Opened = Callable[[], Store]


@pytest.fixture(params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """Opens one and the same fresh store, any number of times; all are closed in the end."""
    stores: list[Store] = []
    if request.param == "sqlite":
        address = str(tmp_path / "turnpike.db")
    else:
        address = fresh_database(request.getfixturevalue("postgres_url"))

    def open_store() -> Store:
        sqlite = request.param == "sqlite"
        stores.append(open_sqlite_store(Path(address)) if sqlite else open_postgres_store(address))
        return stores[-1]

    yield open_store
    for store in stores:
        store.close()


def fresh_database(url: str) -> str:
    """The address of a database of its own on the server."""
    with psycopg.connect(url, autocommit=True) as connection:
        count = connection.execute("SELECT count(*) FROM pg_database").fetchone()
        assert count is not None
        name = f"store_{count[0]}"
        connection.execute(f"CREATE DATABASE {name}".encode())
    return url.removesuffix("/postgres") + f"/{name}"


@pytest.fixture
def store(opened: Opened) -> Store:
    store = opened()
    store.migrate()
    return store


def a_resource(name: str = "research", kind: str = "teams", **fields: object) -> StoredResource:
    return StoredResource(kind, name, "api", {"name": name, **fields}, {}, 1, 10, 20)


def an_event(serial: int, **changed: Any) -> AuditEvent:
    values: dict[str, Any] = {
        "serial": serial,
        "at_ns": serial * 1000,
        "actor": "keys/administrator",
        "action": "create",
        "kind": "teams",
        "name": f"team-{serial}",
        "before": None,
        "after": {"name": f"team-{serial}", "models": ["fast"]},
        "detail": {},
        "change": "c1",
        "previous": bytes([serial - 1]),
        "digest": bytes([serial]),
    }
    return AuditEvent(**{**values, **changed})


def a_snapshot(serial: int) -> StoredSnapshot:
    return StoredSnapshot(serial, f"{serial}-abc", serial * 10, "local", b"body\x00%d" % serial)


def test_an_empty_store_is_at_revision_zero_and_holds_nothing(store: Store) -> None:
    state = store.state()
    assert (state.revision, state.resources, state.keys, state.snapshot) == (0, (), (), None)
    assert state.audit_head == AuditHead(0, b"", b"")


def test_what_was_committed_is_read_back_equal(store: Store) -> None:
    sealed = {"credentials[1]": SealedSecret("${env:KEY}", b"\x01closed\x00")}
    provider = StoredResource(
        "providers",
        "local/*",
        "turnpike.yaml",
        {"name": "local/*", "n": [1, 2.5, None, "é\x00"]},
        sealed,
        1,
        10,
        20,
    )
    key = StoredKey("app", (StoredSecret(b"d1", 5, 99), StoredSecret(b"d2", 6)), revoked_at_ns=7)
    head = AuditHead(1, b"digest", b"mark")
    change = Change(0, (provider,), (key,), (), (an_event(1),), head, a_snapshot(1))
    store.commit(change)
    state = store.state()
    assert state.revision == store.revision() == 1
    assert state.resources == (provider,)
    assert store.resource("providers", "local/*") == provider
    assert state.keys == (key,)
    assert store.key("app") == key
    assert state.snapshot == a_snapshot(1)
    assert state.audit_head == store.audit_head() == head
    assert store.events(EventQuery(10)) == (an_event(1),)


def test_a_change_replaces_the_resource_and_its_secrets_whole(store: Store) -> None:
    first = StoredResource(
        "providers", "p", "api", {"name": "p"}, {"credential": SealedSecret("m", b"1")}, 1, 1, 1
    )
    second = StoredResource("providers", "p", "api", {"name": "p", "kind": "x"}, {}, 2, 1, 2)
    store.commit(Change(0, (first,), (StoredKey("k", (StoredSecret(b"d1", 1),)),)))
    store.commit(Change(1, (second,), (StoredKey("k", (StoredSecret(b"d2", 2),)),)))
    assert store.state().resources == (second,)
    assert store.key_of_digest(b"d1") is None
    assert store.key_of_digest(b"d2") == StoredKey("k", (StoredSecret(b"d2", 2),))


def test_removing_a_key_forgets_its_digests(store: Store) -> None:
    store.commit(
        Change(0, (a_resource("k", "keys"), a_resource()), (StoredKey("k", (StoredSecret(b"d", 1),)),))
    )
    store.commit(Change(1, removed=(("keys", "k"),)))
    assert store.resource("keys", "k") is None
    assert store.key("k") is None
    assert store.key_of_digest(b"d") is None
    assert [r.name for r in store.state().resources] == ["research"]


def test_a_change_decided_on_an_older_state_leaves_no_trace(store: Store) -> None:
    store.commit(Change(0, (a_resource(),)))
    with pytest.raises(StoreMoved):
        store.commit(Change(0, (a_resource("other"),), events=(an_event(1),)))
    assert [r.name for r in store.state().resources] == ["research"]
    assert store.events(EventQuery(10)) == ()


def test_a_change_that_fails_midway_leaves_no_trace(store: Store) -> None:
    store.commit(Change(0, (a_resource(),), events=(an_event(1),)))
    clashing = Change(1, (a_resource("other"),), removed=(("teams", "research"),), events=(an_event(1),))
    with pytest.raises(Exception, match=r"(?i)unique"):
        store.commit(clashing)
    assert [r.name for r in store.state().resources] == ["research"]
    assert store.revision() == 1


def test_of_changes_decided_on_one_state_at_once_one_succeeds(opened: Opened) -> None:
    stores = [opened() for _ in range(4)]
    stores[0].migrate()

    def attempt(number: int) -> bool:
        try:
            stores[number % 4].commit(Change(0, (a_resource(f"team-{number}"),)))
        except StoreMoved:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(attempt, range(8)))
    assert won.count(True) == 1
    assert len(stores[0].state().resources) == 1
    assert stores[0].revision() == 1


def test_migrations_run_twice_and_by_several_at_once(opened: Opened) -> None:
    stores = [opened() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda store: store.migrate(), stores))
    stores[0].commit(Change(0, (a_resource(),)))
    stores[1].migrate()
    assert [r.name for r in stores[1].state().resources] == ["research"]


def test_what_was_committed_is_there_when_the_store_is_opened_again(opened: Opened) -> None:
    first = opened()
    first.migrate()
    first.commit(Change(0, (a_resource(),)))
    first.close()
    assert [r.name for r in opened().state().resources] == ["research"]


def test_resources_come_by_code_point_and_page_by_page(store: Store) -> None:
    names = ["b", "a", "B", "a/b", "é", "a*"]
    store.commit(Change(0, (*(a_resource(name, "models") for name in names), a_resource())))
    first = [r.name for r in store.resources("models", None, 4)]
    rest = [r.name for r in store.resources("models", first[-1], 4)]
    assert first + rest == sorted(names)


def test_pages_carry_the_secrets_of_their_resources_only(store: Store) -> None:
    def one(name: str) -> StoredResource:
        return StoredResource(
            "providers", name, "api", {}, {"credential": SealedSecret(name, name.encode())}, 1, 1, 1
        )

    store.commit(Change(0, (one("a"), one("b"), one("c"))))
    assert store.resources("providers", "a", 1) == (one("b"),)


def test_events_are_chosen_by_field_and_time_newest_first(store: Store) -> None:
    events = (
        an_event(1),
        an_event(2, actor="local", action="update", before={"name": "x"}),
        an_event(3, kind="keys", name="app", action="rotate", after=None, detail={"overlap_seconds": 60}),
    )
    store.commit(Change(0, events=events))

    def serials(**fields: Any) -> list[int]:
        return [event.serial for event in store.events(EventQuery(10, **fields))]

    assert serials() == [3, 2, 1]
    assert serials(oldest_first=True) == [1, 2, 3]
    assert serials(after=3) == [2, 1]
    assert serials(after=1, oldest_first=True) == [2, 3]
    assert serials(actor="local") == [2]
    assert serials(kind="keys", name="app") == [3]
    assert serials(action="create") == [1]
    assert serials(from_ns=2000, to_ns=3000) == [2]
    assert store.events(EventQuery(1)) == (events[2],)


def test_the_newest_snapshots_are_kept(store: Store) -> None:
    total = SNAPSHOTS_KEPT + 3
    for serial in range(1, total + 1):
        store.commit(Change(serial - 1, snapshot=a_snapshot(serial)))
    kept = store.snapshots(total)
    assert kept == tuple(a_snapshot(serial) for serial in range(total, 3, -1))
    assert store.state().snapshot == a_snapshot(total)


def test_a_note_keeps_its_first_value(opened: Opened) -> None:
    stores = [opened() for _ in range(4)]
    stores[0].migrate()
    with ThreadPoolExecutor(4) as pool:
        kept = set(pool.map(lambda n: stores[n].note_once("check", b"value %d" % n), range(4)))
    assert len(kept) == 1
    assert stores[0].note_once("check", b"late") in kept
    assert stores[1].note("check") in kept
    assert stores[1].note("another") is None


def test_a_server_that_is_not_there_is_named() -> None:
    store = open_postgres_store("postgresql://nobody:hidden-word@127.0.0.1:1/none")
    with pytest.raises(StoreUnavailable, match="connection") as told:
        store.revision()
    store.close()
    assert "hidden-word" not in str(told.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="missing"):
        open_sqlite_store(tmp_path / "missing" / "turnpike.db")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "turnpike.db"
    path.write_bytes(b"not a database, but longer than one page's header" * 100)
    store = open_sqlite_store(path)
    with pytest.raises(StoreUnavailable, match="not a database"):
        store.migrate()
    store.close()


def test_the_file_is_for_its_owner_only_and_readers_do_not_wait(tmp_path: Path) -> None:
    path = tmp_path / "turnpike.db"
    store = open_sqlite_store(path)
    store.migrate()
    assert {stat.S_IMODE(p.stat().st_mode) for p in tmp_path.iterdir()} == {0o600}
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE store_state SET revision = 9")
    assert store.revision() == 0
    writer.close()
    store.close()


def test_tables_of_a_newer_release_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "turnpike.db"
    store = open_sqlite_store(path)
    store.migrate()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreUnavailable, match="newer"):
        store.migrate()
    store.close()


def test_what_an_older_release_revoked_is_remembered_from_the_migration_on(tmp_path: Path) -> None:
    path = tmp_path / "turnpike.db"
    store = open_sqlite_store(path)
    store.migrate()
    revoked = StoredKey("old", (StoredSecret(b"d1", 1),), 5)
    valid = StoredKey("new", (StoredSecret(b"d2", 1),))
    store.commit(Change(0, keys=(revoked, valid)))
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE revoked_secrets")
        connection.execute("UPDATE alembic_version SET version_num = '0001'")
    connection.close()
    store.migrate()
    assert store.state().revoked == {b"d1"}
    store.close()


def test_a_refused_write_tells_no_value_of_a_field(store: Store) -> None:
    """No change that control decides names a resource twice; whatever goes wrong, the log shows what was said."""
    twice = a_resource("x", text="canary-of-a-field")
    with pytest.raises(IntegrityError) as refused:
        store.commit(Change(0, resources=(twice, twice)))
    assert "canary-of-a-field" not in str(refused.value)


def test_a_revoked_secret_is_remembered_when_its_key_is_gone(store: Store) -> None:
    key = StoredKey("app", (StoredSecret(b"d1", 1), StoredSecret(b"d2", 1)), 5)
    store.commit(Change(0, (a_resource("app", "keys"),), (key,), revoked=(b"d1", b"d2")))
    store.commit(Change(1, removed=(("keys", "app"),), revoked=(b"d2",)))
    assert store.state().revoked == {b"d1", b"d2"}
    assert [store.is_revoked(digest) for digest in (b"d1", b"d2", b"d3")] == [True, True, False]
