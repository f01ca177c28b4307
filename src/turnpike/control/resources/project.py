"""Projects: a piece of work of one team."""

from __future__ import annotations

from turnpike.control.resources.access import Level


class Project(Level, frozen=True, kw_only=True, omit_defaults=True):
    """A project. `members` names users that see it on the control API."""

    team: str
    members: tuple[str, ...] | None = None
