"""Keys: what opens the gateway and the control API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

from turnpike.control.document.kind import ResourceId
from turnpike.control.document.record import Field, Kind, Record, View
from turnpike.control.document.shape import Flag, LinkTo, ListOf, Role, SecretText
from turnpike.control.resources.access import LEVEL_FIELDS, ORGANISATION_ROLES, Level
from turnpike.control.resources.texts import END_USER, INSTANT, NAME, NETWORK, common_fields

KeyRole = Literal["owner", "admin", "team-admin", "viewer", "auditor", "finance"]

KEY_ROLES: tuple[str, ...] = get_args(KeyRole)

OWNERS = ("team", "project", "user")


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


def _links(key: Key) -> Iterator[tuple[str, ResourceId]]:
    if key.team is not None:
        yield "team", ResourceId("teams", key.team)
    if key.project is not None:
        yield "project", ResourceId("projects", key.project)
    if key.user is not None:
        yield "user", ResourceId("users", key.user)


def _check(view: View) -> None:
    owners = [field for field in OWNERS if view.has(field)]
    if len(owners) > 1:
        view.fault(f"a key has one owner; found {' and '.join(f'`{owner}`' for owner in owners)}", owners[1])
    if not owners and not view.has("role"):
        view.fault(
            "whose key it is is missing: give one of `team`, `project`, `user`, or a `role` in the organisation"
        )
    role = view.values.get("role")
    if role == "team-admin" and owners != ["team"]:
        view.fault('the role "team-admin" stands on a key of a `team`', "role")
    if role in ORGANISATION_ROLES and owners:
        message = (
            f'found the role "{role}" on a key with an owner; a key with a role in the organisation has none'
        )
        view.fault(f"{message} (a user's role stands in `users`)", "role")


KEY = Kind(
    name="keys",
    meaning="Secrets that open the gateway, and with a role the control API.",
    record=Record(
        Key,
        "a key",
        (
            *common_fields(NAME),
            Field("team", LinkTo("teams"), "The team whose key it is."),
            Field("project", LinkTo("projects"), "The project whose key it is."),
            Field("user", LinkTo("users"), "The user whose key it is."),
            Field(
                "role",
                Role(KEY_ROLES, "a role"),
                "What the key may do on the control API: a role in the organisation on a key without owner, or `team-admin` "
                "on a team's key. A user's key has the user's roles.",
                default="none",
            ),
            Field(
                "secret",
                SecretText("key"),
                "The key itself, where it is brought from elsewhere: 20 characters or more, in any form.",
                default="one is made and shown once",
            ),
            Field(
                "expires_at",
                INSTANT,
                "The moment from which it no longer opens anything (RFC 3339).",
                default="never",
            ),
            Field(
                "networks",
                ListOf(NETWORK),
                "Networks (CIDR) that calls with it may come from.",
                default="anywhere",
            ),
            Field(
                "acts_for",
                ListOf(END_USER),
                "End users whom calls with it may name in `x-turnpike-user`: names and patterns with one star.",
                default="nobody",
            ),
            Field("revoked", Flag(), "Whether it was withdrawn.", default="false"),
            *LEVEL_FIELDS,
        ),
        _check,
    ),
    links=_links,
    example='{name: research-app, team: research, secret: "${env:RESEARCH_KEY}"}',
)
