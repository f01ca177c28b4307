"""Users: people, and what they may do."""

from __future__ import annotations

from turnpike.control.resources.access import Level, OrganisationRole


class User(Level, frozen=True, kw_only=True, omit_defaults=True):
    """A person. `team` is the home team, whose models and tags the user's own keys stand under."""

    email: str | None = None
    team: str | None = None
    role: OrganisationRole | None = None
