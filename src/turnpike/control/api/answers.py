"""Values of control as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from fastapi import Response

from turnpike.control.document.fault import Fault
from turnpike.control.document.kind import ResourceId
from turnpike.control.document.reference import Hidden
from turnpike.control.permissions import Actor, Permission
from turnpike.control.plan import Creation, Deletion, Plan, Update, plan_lines
from turnpike.control.publish import WorkerView
from turnpike.control.services.listing import Seen
from turnpike.ports.clock import SECOND_NS
from turnpike.ports.store import AuditEvent, StoredKey, StoredResource

Values = dict[str, object]

_ACTIONS: Mapping[type, str] = {Creation: "create", Update: "update", Deletion: "delete"}


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(msgspec.json.encode(value), status, dict(headers or {}), "application/json")


def moment(at_ns: int | None) -> str | None:
    """A time as RFC 3339 with nine decimals, UTC."""
    if at_ns is None:
        return None
    seconds, nanoseconds = divmod(at_ns, SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"


def etag(stored: StoredResource) -> str:
    """What identifies this state of the resource."""
    return f'"{stored.revision}"'


def resource_values(seen: Seen, remarks: tuple[Fault, ...] = ()) -> Values:
    """The resource's own fields, and under `meta` what control knows of it, with `remarks` on a change of it."""
    stored = seen.stored
    meta: Values = {
        "kind": stored.kind,
        "owner": stored.owner,
        "revision": stored.revision,
        "created_at": moment(stored.created_at_ns),
        "changed_at": moment(stored.changed_at_ns),
    }
    if seen.key is not None:
        meta |= _key_values(seen.key)
    if remarks:
        meta["remarks"] = remarks
    return {**stored.spec, "meta": meta}


def _key_values(key: StoredKey) -> Values:
    secrets = [
        {"created_at": moment(s.created_at_ns), "expires_at": moment(s.expires_at_ns)} for s in key.secrets
    ]
    return {"revoked_at": moment(key.revoked_at_ns), "secrets": secrets}


def plan_values(plan: Plan) -> Values:
    """A plan, for programs and (`lines`) for people."""
    changes: list[Values] = []
    for change in plan.changes:
        values: Values = {"action": _ACTIONS[type(change)], **_id_values(change.id)}
        if not isinstance(change, Deletion):
            values["fields"] = [msgspec.structs.asdict(field) for field in change.fields]
        if isinstance(change, Update) and change.previous_owner is not None:
            values["previous_owner"] = change.previous_owner
        changes.append(values)
    return {
        "owner": plan.owner,
        "changes": changes,
        "unchanged": [_id_values(id_) for id_ in plan.unchanged],
        "lines": plan_lines(plan),
    }


def minted_values(minted: Mapping[str, Hidden]) -> list[Values]:
    """Keys that were made, with their secrets: the one answer that shows them."""
    return [{"name": name, "secret": secret.reveal()} for name, secret in sorted(minted.items())]


def worker_values(view: WorkerView, now_ns: int, actor: Actor) -> Values:
    """What a gateway worker said of itself, as far as it is the caller's to know, and how long ago."""
    values = msgspec.structs.asdict(view.report)
    if not actor.holds(Permission.READ_SNAPSHOT):
        # It may name any provider, and files of the gateway's machine.
        del values["fault"]
    return {**values, "seen_seconds_ago": round(max(0, now_ns - view.seen_ns) / SECOND_NS, 3)}


def event_values(event: AuditEvent) -> Values:
    """An audit event."""
    values = msgspec.structs.asdict(event)
    del values["at_ns"]
    return {
        **values,
        "at": moment(event.at_ns),
        "previous": event.previous.hex(),
        "digest": event.digest.hex(),
    }


def _id_values(id_: ResourceId) -> Values:
    return {"kind": id_.kind, "name": id_.name}
