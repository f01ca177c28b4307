"""The store on SQLite or PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import msgspec
import sqlalchemy as sa

from turnpike.adapters.sql import rows
from turnpike.adapters.sql import tables as t
from turnpike.adapters.sql.engine import postgres_engine, reading, sqlite_engine, writing
from turnpike.adapters.sql.migrate import migrate
from turnpike.ports.store import (
    SNAPSHOTS_KEPT,
    AuditEvent,
    AuditHead,
    Change,
    EventQuery,
    SealedSecret,
    State,
    StoredKey,
    StoredResource,
    StoredSecret,
    StoredSnapshot,
    StoreMoved,
)


def open_sqlite_store(path: Path) -> SqlStore:
    """The store in a database file of this machine."""
    return SqlStore(sqlite_engine(path))


def open_postgres_store(url: str) -> SqlStore:
    """The store in a PostgreSQL database (`postgresql://user:password@host/database`)."""
    return SqlStore(postgres_engine(url))


class SqlStore:
    """A Store in the tables of `adapters.sql.tables`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @property
    def engine(self) -> sa.Engine:
        """The connections that the store uses."""
        return self._engine

    def migrate(self) -> None:
        migrate(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    def revision(self) -> int:
        with reading(self._engine) as connection:
            revision: int = connection.execute(sa.select(t.store_state.c.revision)).scalar_one()
            return revision

    def audit_head(self) -> AuditHead:
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(t.store_state)).one()
            return rows.head_of(row)

    def state(self) -> State:
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(t.store_state)).one()
            return State(
                revision=row.revision,
                resources=_resources(connection, sa.select(t.resources)),
                keys=_keys(connection),
                audit_head=rows.head_of(row),
                snapshot=next(iter(_snapshots(connection, 1)), None),
                revoked=frozenset(connection.execute(sa.select(t.revoked_secrets.c.digest)).scalars()),
            )

    def resource(self, kind: str, name: str) -> StoredResource | None:
        chosen = sa.select(t.resources).where(t.resources.c.kind == kind, t.resources.c.name == name)
        with reading(self._engine) as connection:
            return next(iter(_resources(connection, chosen)), None)

    def resources(self, kind: str, after: str | None, limit: int) -> tuple[StoredResource, ...]:
        chosen = sa.select(t.resources).where(t.resources.c.kind == kind).limit(limit)
        if after is not None:
            chosen = chosen.where(t.resources.c.name > after)
        with reading(self._engine) as connection:
            return _resources(connection, chosen)

    def key(self, name: str) -> StoredKey | None:
        with reading(self._engine) as connection:
            return _key(connection, name)

    def key_of_digest(self, digest: bytes) -> StoredKey | None:
        chosen = sa.select(t.key_secrets.c.key).where(t.key_secrets.c.digest == digest)
        with reading(self._engine) as connection:
            name = connection.execute(chosen).scalar_one_or_none()
            return None if name is None else _key(connection, name)

    def is_revoked(self, digest: bytes) -> bool:
        chosen = sa.select(t.revoked_secrets.c.digest).where(t.revoked_secrets.c.digest == digest)
        with reading(self._engine) as connection:
            return connection.execute(chosen).first() is not None

    def events(self, query: EventQuery) -> tuple[AuditEvent, ...]:
        with reading(self._engine) as connection:
            return tuple(map(rows.event_of, connection.execute(_chosen_events(query))))

    def snapshots(self, limit: int) -> tuple[StoredSnapshot, ...]:
        with reading(self._engine) as connection:
            return _snapshots(connection, limit)

    def note(self, name: str) -> bytes | None:
        with reading(self._engine) as connection:
            return _note(connection, name)

    def note_once(self, name: str, value: bytes) -> bytes:
        with writing(self._engine) as connection:
            # Held until the end: a second writer sees what the first one kept.
            connection.execute(sa.select(t.store_state.c.id).with_for_update())
            kept = _note(connection, name)
            if kept is None:
                connection.execute(sa.insert(t.notes).values(name=name, value=value))
            return value if kept is None else kept

    def commit(self, change: Change) -> None:
        with writing(self._engine) as connection:
            revision = connection.execute(sa.select(t.store_state.c.revision).with_for_update()).scalar_one()
            if revision != change.base_revision:
                raise StoreMoved(f"the store is at revision {revision}, not {change.base_revision}")
            connection.execute(sa.update(t.store_state).values(revision=revision + 1))
            _remove(connection, change.removed)
            _put_resources(connection, change.resources)
            _put_keys(connection, change.keys)
            _remember_revoked(connection, change.revoked)
            _append(connection, change.events, change.audit_head)
            if change.snapshot is not None:
                _publish(connection, change.snapshot)


def _resources(
    connection: sa.Connection, chosen: sa.Select[tuple[object, ...]]
) -> tuple[StoredResource, ...]:
    found = connection.execute(chosen.order_by(t.resources.c.kind, t.resources.c.name)).all()
    named = chosen.order_by(t.resources.c.kind, t.resources.c.name).subquery()
    together = t.sealed_secrets.join(
        named, sa.and_(t.sealed_secrets.c.kind == named.c.kind, t.sealed_secrets.c.name == named.c.name)
    )
    sealed: dict[tuple[str, str], dict[str, SealedSecret]] = defaultdict(dict)
    for row in connection.execute(sa.select(t.sealed_secrets).select_from(together)):
        sealed[row.kind, row.name][row.path] = SealedSecret(row.written, row.closed)
    return tuple(rows.resource_of(row, sealed.get((row.kind, row.name), {})) for row in found)


def _keys(connection: sa.Connection) -> tuple[StoredKey, ...]:
    secrets: dict[str, list[StoredSecret]] = defaultdict(list)
    for row in connection.execute(
        sa.select(t.key_secrets).order_by(t.key_secrets.c.key, t.key_secrets.c.position)
    ):
        secrets[row.key].append(rows.secret_of(row))
    found = connection.execute(sa.select(t.keys).order_by(t.keys.c.name))
    return tuple(StoredKey(row.name, tuple(secrets.get(row.name, ())), row.revoked_at_ns) for row in found)


def _key(connection: sa.Connection, name: str) -> StoredKey | None:
    row = connection.execute(sa.select(t.keys).where(t.keys.c.name == name)).one_or_none()
    if row is None:
        return None
    chosen = sa.select(t.key_secrets).where(t.key_secrets.c.key == name).order_by(t.key_secrets.c.position)
    return StoredKey(row.name, tuple(map(rows.secret_of, connection.execute(chosen))), row.revoked_at_ns)


def _note(connection: sa.Connection, name: str) -> bytes | None:
    chosen = sa.select(t.notes.c.value).where(t.notes.c.name == name)
    kept: bytes | None = connection.execute(chosen).scalar_one_or_none()
    return kept


def _snapshots(connection: sa.Connection, limit: int) -> tuple[StoredSnapshot, ...]:
    chosen = sa.select(t.snapshots).order_by(t.snapshots.c.serial.desc()).limit(limit)
    return tuple(map(rows.snapshot_of, connection.execute(chosen)))


def _chosen_events(query: EventQuery) -> sa.Select[tuple[object, ...]]:
    c = t.audit_events.c
    chosen = sa.select(t.audit_events).limit(query.limit)
    chosen = chosen.order_by(c.serial if query.oldest_first else c.serial.desc())
    if query.after is not None:
        chosen = chosen.where(c.serial > query.after if query.oldest_first else c.serial < query.after)
    for column, wanted in (
        (c.kind, query.kind),
        (c.name, query.name),
        (c.actor, query.actor),
        (c.action, query.action),
    ):
        if wanted is not None:
            chosen = chosen.where(column == wanted)
    if query.from_ns is not None:
        chosen = chosen.where(c.at_ns >= query.from_ns)
    if query.to_ns is not None:
        chosen = chosen.where(c.at_ns < query.to_ns)
    return chosen


def _remove(connection: sa.Connection, removed: Iterable[tuple[str, str]]) -> None:
    gone = tuple(removed)
    _delete_resources(connection, gone)
    _forget_keys(connection, [name for kind, name in gone if kind == "keys"])


def _delete_resources(connection: sa.Connection, ids: Iterable[tuple[str, str]]) -> None:
    gone = [{"gone_kind": kind, "gone_name": name} for kind, name in ids]
    if not gone:
        return
    kind, name = sa.bindparam("gone_kind", type_=sa.Text), sa.bindparam("gone_name", type_=sa.Text)
    for table in (t.sealed_secrets, t.resources):
        connection.execute(sa.delete(table).where(table.c.kind == kind, table.c.name == name), gone)


def _forget_keys(connection: sa.Connection, names: list[str]) -> None:
    gone = [{"gone_name": name} for name in names]
    if not gone:
        return
    connection.execute(sa.delete(t.key_secrets).where(t.key_secrets.c.key == sa.bindparam("gone_name")), gone)
    connection.execute(sa.delete(t.keys).where(t.keys.c.name == sa.bindparam("gone_name")), gone)


def _put_resources(connection: sa.Connection, resources: tuple[StoredResource, ...]) -> None:
    if not resources:
        return
    _delete_resources(connection, [(resource.kind, resource.name) for resource in resources])
    connection.execute(sa.insert(t.resources), [rows.resource_values(resource) for resource in resources])
    sealed = [
        {"kind": resource.kind, "name": resource.name, "path": path, **msgspec.structs.asdict(secret)}
        for resource in resources
        for path, secret in resource.sealed.items()
    ]
    if sealed:
        connection.execute(sa.insert(t.sealed_secrets), sealed)


def _put_keys(connection: sa.Connection, keys: tuple[StoredKey, ...]) -> None:
    if not keys:
        return
    _forget_keys(connection, [key.name for key in keys])
    connection.execute(
        sa.insert(t.keys), [{"name": key.name, "revoked_at_ns": key.revoked_at_ns} for key in keys]
    )
    secrets = [
        rows.secret_values(key.name, position, secret)
        for key in keys
        for position, secret in enumerate(key.secrets)
    ]
    if secrets:
        connection.execute(sa.insert(t.key_secrets), secrets)


def _remember_revoked(connection: sa.Connection, digests: tuple[bytes, ...]) -> None:
    if not digests:
        return
    column = t.revoked_secrets.c.digest
    connection.execute(sa.delete(t.revoked_secrets).where(column.in_(digests)))
    connection.execute(sa.insert(t.revoked_secrets), [{"digest": digest} for digest in digests])


def _append(connection: sa.Connection, events: tuple[AuditEvent, ...], head: AuditHead | None) -> None:
    if events:
        connection.execute(sa.insert(t.audit_events), [rows.event_values(event) for event in events])
    if head is not None:
        connection.execute(sa.update(t.store_state).values(rows.head_values(head)))


def _publish(connection: sa.Connection, snapshot: StoredSnapshot) -> None:
    connection.execute(sa.insert(t.snapshots).values(**msgspec.structs.asdict(snapshot)))
    kept = sa.select(t.snapshots.c.serial).order_by(t.snapshots.c.serial.desc()).limit(SNAPSHOTS_KEPT)
    oldest = min(connection.execute(kept).scalars())
    connection.execute(sa.delete(t.snapshots).where(t.snapshots.c.serial < oldest))
