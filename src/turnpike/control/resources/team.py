"""Teams: the level of the organisation that holds projects, users and keys."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from turnpike.control.document.kind import ResourceId
from turnpike.control.document.record import Field, Kind, Record, View
from turnpike.control.document.shape import LinkTo, ListOf, Role
from turnpike.control.resources.access import LEVEL_FIELDS, ORGANISATION_ROLES, TEAM_ROLES, Level, TeamRole
from turnpike.control.resources.texts import NAME, common_fields


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """A user in a team; the role is `member` where it is not said."""

    user: str
    role: TeamRole | None = None


class Team(Level, frozen=True, kw_only=True, omit_defaults=True):
    """A team and its members' roles in it."""

    members: tuple[Member, ...] | None = None


def _links(team: Team) -> Iterator[tuple[str, ResourceId]]:
    for i, member in enumerate(team.members or ()):
        yield f"members[{i}].user", ResourceId("users", member.user)


def _check(view: View) -> None:
    seen: dict[str, int] = {}
    for i, member in enumerate(view.values.get("members", ())):
        if seen.setdefault(member.user, i) != i:
            view.fault(
                f"is a member already (members[{seen[member.user]}]); give each user one role",
                "members",
                i,
                "user",
            )


_OF_USERS = dict.fromkeys(ORGANISATION_ROLES, "on the user, in `users`, and holds for the whole organisation")

_MEMBER = Record(
    Member,
    "a member",
    (
        Field("user", LinkTo("users"), "The user's name.", required=True),
        Field(
            "role",
            Role(TEAM_ROLES, "a role in a team", _OF_USERS),
            "What the user may do in this team.",
            default="member",
        ),
    ),
)

TEAM = Kind(
    name="teams",
    meaning="Groups of people and applications that share models, surfaces and tags.",
    record=Record(
        Team,
        "a team",
        (
            *common_fields(NAME),
            *LEVEL_FIELDS,
            Field(
                "members",
                ListOf(_MEMBER),
                "Users of the team besides those whose `team` it is, and their roles in it.",
            ),
        ),
        _check,
    ),
    links=_links,
    example="{name: research, models: [fast], members: [{user: ada, role: team-admin}]}",
)
