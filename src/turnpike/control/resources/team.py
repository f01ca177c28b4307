"""Teams: the level of the organisation that holds projects, users and keys."""

from __future__ import annotations

from turnpike.control.resources.access import Level, Member


class Team(Level, frozen=True, kw_only=True, omit_defaults=True):
    """A team and its members' roles in it."""

    members: tuple[Member, ...] | None = None
