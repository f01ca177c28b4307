"""Keys: what opens the gateway and the control API."""

from __future__ import annotations

from typing import Literal

from turnpike.control.resources.access import Level

KeyRole = Literal["owner", "admin", "team-admin", "viewer", "auditor", "finance"]


class Key(Level, frozen=True, kw_only=True, omit_defaults=True):
    """A key of one team, project or user; or of the organisation, by its role.

    `secret` holds a reference or mark, None for a key that Turnpike makes. `role` is an
    organisation's role on a key without owner, or `team-admin` on a team's key.
    """

    team: str | None = None
    project: str | None = None
    user: str | None = None
    secret: str | None = None
    expires_at: str | None = None
    networks: tuple[str, ...] | None = None
    acts_for: tuple[str, ...] | None = None
    role: KeyRole | None = None
    revoked: bool | None = None
