"""The fields that teams, projects, users and keys share: what they may use, and how calls are tagged."""

from __future__ import annotations

from typing import Literal

import msgspec

from turnpike.control.document.kind import Resource

OrganisationRole = Literal["owner", "admin", "viewer", "auditor", "finance"]
"""Roles that hold for the whole organisation."""

TeamRole = Literal["member", "team-admin"]
"""Roles inside one team."""


class Level(Resource, frozen=True, kw_only=True, omit_defaults=True):
    """One level of access. `models` and `surfaces` are names and patterns; None says nothing."""

    models: tuple[str, ...] | None = None
    surfaces: tuple[str, ...] | None = None
    tags: dict[str, str] | None = None
    required_tags: tuple[str, ...] | None = None


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """A user in a team; the role is `member` where it is not said."""

    user: str
    role: TeamRole | None = None
