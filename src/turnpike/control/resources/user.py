"""Users: people, and what they may do."""

from __future__ import annotations

from collections.abc import Iterator

from turnpike.control.document.kind import ResourceId
from turnpike.control.document.record import Field, Kind, Record
from turnpike.control.document.shape import LinkTo, Role, Text, matching
from turnpike.control.resources.access import (
    LEVEL_FIELDS,
    ORGANISATION_ROLES,
    TEAM_ROLES,
    Level,
    OrganisationRole,
)
from turnpike.control.resources.texts import USER_NAME, common_fields

_EMAIL = Text(
    "an e-mail address",
    254,
    matching(r"[^@\s<>,;\"]{1,64}@[^@\s<>,;\"]{1,189}", "an e-mail address must stand here"),
    extra={"format": "email"},
)


_OF_MEMBERS = {
    role: f"in the `members` of a team, as members: [{{user: NAME, role: {role}}}]" for role in TEAM_ROLES
}


class User(Level, frozen=True, kw_only=True, omit_defaults=True):
    """A person. `team` is the home team, whose models and tags the user's own keys stand under."""

    email: str | None = None
    team: str | None = None
    role: OrganisationRole | None = None


def _links(user: User) -> Iterator[tuple[str, ResourceId]]:
    if user.team is not None:
        yield "team", ResourceId("teams", user.team)


USER = Kind(
    name="users",
    meaning="People.",
    record=Record(
        User,
        "a user",
        (
            *common_fields(USER_NAME),
            Field("email", _EMAIL, "Where the person is reached."),
            Field(
                "team", LinkTo("teams"), "The home team: the user's own keys stand under its access and tags."
            ),
            Field(
                "role",
                Role(ORGANISATION_ROLES, "a role in the organisation", _OF_MEMBERS),
                "What the user may do on the control API, in the whole organisation. Roles in a team stand in the team's "
                "`members`.",
                default="none",
            ),
            *LEVEL_FIELDS,
        ),
    ),
    links=_links,
    example="{name: ada, email: ada@example.com, team: research}",
)
