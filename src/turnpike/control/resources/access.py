"""What teams, projects, users and keys share: models, surfaces, tags, roles."""

from __future__ import annotations

from typing import Literal, get_args

from turnpike.control.document.kind import Resource
from turnpike.control.document.record import Field
from turnpike.control.document.shape import ListOf
from turnpike.control.resources.texts import TAG_NAMES, TAGS, AllowedModel, AllowedSurface

OrganisationRole = Literal["owner", "admin", "viewer", "auditor", "finance"]
"""Roles that hold for the whole organisation."""

TeamRole = Literal["member", "team-admin"]
"""Roles inside one team."""

ORGANISATION_ROLES: tuple[str, ...] = get_args(OrganisationRole)
TEAM_ROLES: tuple[str, ...] = get_args(TeamRole)


class Level(Resource, frozen=True, kw_only=True, omit_defaults=True):
    """One level of access. `models` and `surfaces` are names and patterns; None says nothing."""

    models: tuple[str, ...] | None = None
    surfaces: tuple[str, ...] | None = None
    tags: dict[str, str] | None = None
    required_tags: tuple[str, ...] | None = None


LEVEL_FIELDS = (
    Field(
        "models",
        ListOf(AllowedModel()),
        "Models that may be used: names and patterns with one star. Each level that has this field must allow a model; "
        "where no level has it, nothing is allowed.",
        default="says nothing",
    ),
    Field(
        "surfaces",
        ListOf(AllowedSurface()),
        "Surfaces that may be used: names and patterns. Each level that has this field must allow a surface.",
        default="all of them",
    ),
    Field("tags", TAGS, "Tags of each call, where neither the call nor a nearer level says otherwise."),
    Field("required_tags", TAG_NAMES, "Tags without which a call is refused; the levels' lists add up."),
)
