"""Projects: a piece of work of one team."""

from __future__ import annotations

from collections.abc import Iterator

from turnpike.control.document.kind import ResourceId
from turnpike.control.document.record import Field, Kind, Record
from turnpike.control.document.shape import LinkTo, ListOf
from turnpike.control.resources.access import LEVEL_FIELDS, Level
from turnpike.control.resources.texts import NAME, common_fields


class Project(Level, frozen=True, kw_only=True, omit_defaults=True):
    """A project. `members` names users that see it on the control API."""

    team: str
    members: tuple[str, ...] | None = None


def _links(project: Project) -> Iterator[tuple[str, ResourceId]]:
    yield "team", ResourceId("teams", project.team)
    for i, user in enumerate(project.members or ()):
        yield f"members[{i}]", ResourceId("users", user)


PROJECT = Kind(
    name="projects",
    meaning="Pieces of work of a team, with access and tags of their own.",
    record=Record(
        Project,
        "a project",
        (
            *common_fields(NAME),
            Field("team", LinkTo("teams"), "The team whose project it is.", required=True),
            *LEVEL_FIELDS,
            Field("members", ListOf(LinkTo("users")), "Users who may see the project on the control API."),
        ),
    ),
    links=_links,
    example="{name: search, team: research, tags: {app: search}}",
)
