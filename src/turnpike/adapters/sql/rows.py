"""Rows of the store's tables to values and back."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from turnpike.ports.store import (
    AuditEvent,
    AuditHead,
    SealedSecret,
    StoredResource,
    StoredSecret,
    StoredSnapshot,
)

Values = dict[str, object]
Row = sa.Row[Any]

_decode_fields = msgspec.json.Decoder(dict[str, object]).decode


def resource_values(resource: StoredResource) -> Values:
    """A row of `resources`."""
    return {
        "kind": resource.kind,
        "name": resource.name,
        "owner": resource.owner,
        "spec": _text(resource.spec),
        "revision": resource.revision,
        "created_at_ns": resource.created_at_ns,
        "changed_at_ns": resource.changed_at_ns,
    }


def resource_of(row: Row, sealed: dict[str, SealedSecret]) -> StoredResource:
    """The resource of a row of `resources` and its secrets."""
    return StoredResource(
        kind=row.kind,
        name=row.name,
        owner=row.owner,
        spec=_decode_fields(row.spec),
        sealed=sealed,
        revision=row.revision,
        created_at_ns=row.created_at_ns,
        changed_at_ns=row.changed_at_ns,
    )


def secret_values(key: str, position: int, secret: StoredSecret) -> Values:
    """A row of `key_secrets`; `position` keeps the order."""
    return {
        "digest": secret.digest,
        "key": key,
        "position": position,
        "created_at_ns": secret.created_at_ns,
        "expires_at_ns": secret.expires_at_ns,
    }


def secret_of(row: Row) -> StoredSecret:
    """The secret of a row of `key_secrets`."""
    return StoredSecret(digest=row.digest, created_at_ns=row.created_at_ns, expires_at_ns=row.expires_at_ns)


def event_values(event: AuditEvent) -> Values:
    """A row of `audit_events`."""
    values = msgspec.structs.asdict(event)
    for field in ("before", "after", "detail"):
        values[field] = None if values[field] is None else _text(values[field])
    return values


def event_of(row: Row) -> AuditEvent:
    """The event of a row of `audit_events`."""
    return AuditEvent(
        serial=row.serial,
        at_ns=row.at_ns,
        actor=row.actor,
        action=row.action,
        kind=row.kind,
        name=row.name,
        before=None if row.before is None else _decode_fields(row.before),
        after=None if row.after is None else _decode_fields(row.after),
        detail=_decode_fields(row.detail),
        change=row.change,
        previous=row.previous,
        digest=row.digest,
    )


def head_values(head: AuditHead) -> Values:
    """The audit trail's columns of `store_state`."""
    return {"audit_serial": head.serial, "audit_digest": head.digest, "audit_mark": head.mark}


def head_of(row: Row) -> AuditHead:
    """The end of the audit trail in the row of `store_state`."""
    return AuditHead(row.audit_serial, row.audit_digest, row.audit_mark)


def snapshot_of(row: Row) -> StoredSnapshot:
    """The snapshot of a row of `snapshots`."""
    return StoredSnapshot(
        serial=row.serial,
        version=row.version,
        created_at_ns=row.created_at_ns,
        actor=row.actor,
        body=row.body,
    )


def _text(fields: dict[str, object]) -> str:
    return msgspec.json.encode(fields).decode()
