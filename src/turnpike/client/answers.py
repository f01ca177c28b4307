"""What control promises in its answers, as far as commands rely on it; fields beyond these are passed over."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """A fault of a document, or a remark on it; line 0 means that it stands in no text."""

    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    path: str = ""


class Problem(msgspec.Struct, frozen=True):
    """A refusal (RFC 9457). faults: of the document. workers: those that cannot serve from it, and why."""

    code: str
    detail: str
    faults: tuple[Fault, ...] = ()
    workers: dict[str, str | None] = {}


class Meta(msgspec.Struct, frozen=True):
    """What control knows of a resource; revoked_at and remarks stand there of keys alone, and after a change."""

    kind: str
    revoked_at: str | None = None
    remarks: tuple[Fault, ...] = ()


class Resource(msgspec.Struct, frozen=True):
    """Any resource."""

    name: str
    meta: Meta


class Target(msgspec.Struct, frozen=True):
    """Where calls of a model go."""

    provider: str
    model: str


class Model(Resource, frozen=True):
    """A model."""

    targets: tuple[Target, ...] = ()


class Key(Resource, frozen=True):
    """A key; its times are RFC 3339."""

    team: str | None = None
    project: str | None = None
    user: str | None = None
    role: str | None = None
    models: tuple[str, ...] | None = None
    expires_at: str | None = None
    revoked: bool = False

    def __post_init__(self) -> None:
        if self.expires_at is not None:
            datetime.fromisoformat(self.expires_at)

    @property
    def is_revoked(self) -> bool:
        """Whether it is worthless for good."""
        return self.revoked or self.meta.revoked_at is not None


class NewSecret(Key, frozen=True, kw_only=True):
    """A key that was just made or rotated: the one answer that shows its secret."""

    secret: str


class Revoked(Resource, frozen=True):
    """A key that was just revoked."""

    def __post_init__(self) -> None:
        if self.meta.revoked_at is None:
            raise ValueError("it is not revoked")


class Page(msgspec.Struct, frozen=True):
    """Some resources, and what to go on after; None at the end."""

    items: list[dict[str, object]]
    next: str | None


class Change(msgspec.Struct, frozen=True):
    """A change of one resource."""

    action: str
    kind: str
    name: str


class Planned(msgspec.Struct, frozen=True):
    """What applying a document changes; `lines` say it for people."""

    changes: tuple[Change, ...]
    lines: tuple[str, ...]
    remarks: tuple[Fault, ...]


class Worker(msgspec.Struct, frozen=True):
    """A gateway worker, the version that it runs, and what it has to complain of."""

    worker: str
    running: str | None
    fault: str | None = None


class Minted(msgspec.Struct, frozen=True):
    """A key that a document made, with its secret."""

    name: str
    secret: str


class Applied(Planned, frozen=True, kw_only=True):
    """What applying a document changed, and how far it is published."""

    keys: tuple[Minted, ...]
    version: str | None
    workers: tuple[Worker, ...]
    took_seconds: float


class Event(msgspec.Struct, frozen=True):
    """An event of the audit trail."""

    at: str
    actor: str
    action: str
    kind: str
    name: str


class Trail(msgspec.Struct, frozen=True):
    """Events, newest first."""

    items: tuple[Event, ...]


class Level(msgspec.Struct, frozen=True):
    """What one level of a key allows; None where it says nothing of it."""

    level: str
    models: tuple[str, ...] | None
    allows_model: bool | None
    surfaces: tuple[str, ...] | None
    allows_surface: bool | None


class Tried(msgspec.Struct, frozen=True):
    """A target as it would be tried; limits are in seconds, by name."""

    provider: str
    model: str
    region: str | None
    limits: dict[str, float]
    retries: int


class Explanation(msgspec.Struct, frozen=True):
    """Whether a key may ask for a model, and what that follows from."""

    model: str
    allowed: bool
    code: str | None
    says: str
    levels: tuple[Level, ...]
    means: str | None
    star: str | None
    targets: tuple[Tried, ...]
    required_tags: tuple[str, ...]
    missing_tags: tuple[str, ...]
    tags: dict[str, str]
    networks: tuple[str, ...]


class Published(msgspec.Struct, frozen=True):
    """What is published, and what each worker runs."""

    version: str | None
    workers: tuple[Worker, ...]
