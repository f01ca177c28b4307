"""What control remembers: resources, keys' digests, the audit trail and published snapshots."""

from __future__ import annotations

from typing import Protocol

import msgspec

SNAPSHOTS_KEPT = 20
"""How many published snapshots a store keeps; older ones go with the next publication."""


class StoreMoved(Exception):
    """The store is no longer at the revision that a change was decided on: decide again."""


class SealedSecret(msgspec.Struct, frozen=True):
    """A secret closed under the master key; `written` is what stands in its place in the resource."""

    written: str
    closed: bytes


class StoredResource(msgspec.Struct, frozen=True):
    """One resource as it was given.

    owner: who made it: a document's name, or a word for what was made otherwise.
    spec: its fields, a reference or mark standing where a secret was given.
    sealed: the secrets themselves, by path inside `spec`.
    revision: the store's revision that last changed it; what its ETag says.
    """

    kind: str
    name: str
    owner: str
    spec: dict[str, object]
    sealed: dict[str, SealedSecret]
    revision: int
    created_at_ns: int
    changed_at_ns: int


class StoredSecret(msgspec.Struct, frozen=True):
    """One secret that opens a key, known by its digest only; None: valid as long as the key is."""

    digest: bytes
    created_at_ns: int
    expires_at_ns: int | None = None


class StoredKey(msgspec.Struct, frozen=True):
    """What is known of a key beside its resource: the secrets that open it, and its revocation."""

    name: str
    secrets: tuple[StoredSecret, ...]
    revoked_at_ns: int | None = None


class AuditEvent(msgspec.Struct, frozen=True):
    """One change: who made it, when, and what was there before and after (secrets never).

    change: shared by all events of one request. detail: what `before` and `after` cannot show.
    digest: over everything here, `previous` included, which is the digest of the event before.
    """

    serial: int
    at_ns: int
    actor: str
    action: str
    kind: str
    name: str
    before: dict[str, object] | None
    after: dict[str, object] | None
    detail: dict[str, object]
    change: str
    previous: bytes
    digest: bytes


class AuditHead(msgspec.Struct, frozen=True):
    """The end of the audit trail: how many events there are, the last one's digest, and a mark of both.

    The mark is made under the master key: who cuts the trail cannot make one that fits its new end.
    """

    serial: int = 0
    digest: bytes = b""
    mark: bytes = b""


class StoredSnapshot(msgspec.Struct, frozen=True):
    """A published configuration; `body` is what domain.snapshot.encode_snapshot made of it."""

    serial: int
    version: str
    created_at_ns: int
    actor: str
    body: bytes


class State(msgspec.Struct, frozen=True):
    """All configuration at one revision, read in one transaction.

    revoked: digests of every secret that was ever revoked; their keys may be gone.
    """

    revision: int
    resources: tuple[StoredResource, ...]
    keys: tuple[StoredKey, ...]
    audit_head: AuditHead
    snapshot: StoredSnapshot | None
    revoked: frozenset[bytes] = frozenset()


class Change(msgspec.Struct, frozen=True):
    """What is to become of the store, decided on its state at `base_revision`; all of it or nothing.

    resources, keys: as they shall be (new or changed). removed: kind and name of what goes; with a
    resource of kind "keys" go its digests. revoked: digests to remember for good. events: continue the trail at the state's `audit_head`;
    audit_head is the trail's end after them.
    """

    base_revision: int
    resources: tuple[StoredResource, ...] = ()
    keys: tuple[StoredKey, ...] = ()
    removed: tuple[tuple[str, str], ...] = ()
    events: tuple[AuditEvent, ...] = ()
    audit_head: AuditHead | None = None
    snapshot: StoredSnapshot | None = None
    revoked: tuple[bytes, ...] = ()


class EventQuery(msgspec.Struct, frozen=True):
    """Which audit events are wanted; None leaves a field open. Newest first unless `oldest_first`.

    after: the serial of the last event that was seen. Times are inclusive at the start only.
    """

    limit: int
    after: int | None = None
    oldest_first: bool = False
    kind: str | None = None
    name: str | None = None
    actor: str | None = None
    action: str | None = None
    from_ns: int | None = None
    to_ns: int | None = None


class Store(Protocol):
    """The configuration's memory. Methods block: call them off the event loop.

    Every method raises domain.errors.StoreUnavailable where the store cannot be reached.
    """

    def migrate(self) -> None:
        """Bring the tables to this release's form; safe to run again, and by two at once."""

    def state(self) -> State:
        """Everything that a change is decided on."""

    def commit(self, change: Change) -> None:
        """Make `change` permanent and raise the revision by one; StoreMoved where it was not the base."""

    def revision(self) -> int:
        """The number of changes so far."""

    def resource(self, kind: str, name: str) -> StoredResource | None:
        """The resource of this name."""

    def resources(self, kind: str, after: str | None, limit: int) -> tuple[StoredResource, ...]:
        """Resources of a kind by name (in code point order), those after the name `after`."""

    def key(self, name: str) -> StoredKey | None:
        """What opens the key of this name."""

    def key_of_digest(self, digest: bytes) -> StoredKey | None:
        """The key that one of whose secrets has this digest."""

    def is_revoked(self, digest: bytes) -> bool:
        """Whether a secret of this digest was ever revoked."""

    def events(self, query: EventQuery) -> tuple[AuditEvent, ...]:
        """Audit events that answer the query."""

    def audit_head(self) -> AuditHead:
        """The end of the audit trail, as kept apart from the trail itself."""

    def snapshots(self, limit: int) -> tuple[StoredSnapshot, ...]:
        """Published snapshots, newest first."""

    def note(self, name: str) -> bytes | None:
        """What is kept under `name`."""

    def note_once(self, name: str, value: bytes) -> bytes:
        """Keep `value` under `name` unless something is kept there; what is kept afterwards."""

    def close(self) -> None:
        """Let go of connections and files."""
