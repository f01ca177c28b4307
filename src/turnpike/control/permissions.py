"""Who may do what on the control API: one table, and nothing is allowed that it does not name.

A test walks every route of the app and every kind of resource: one without a row fails it, and at
run time it is refused to everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from turnpike.control.document.kind import ResourceId
from turnpike.domain.errors import PermissionDenied

OWNER: Final = "owner"
ADMIN: Final = "admin"
TEAM_ADMIN: Final = "team-admin"
VIEWER: Final = "viewer"
AUDITOR: Final = "auditor"
FINANCE: Final = "finance"

ROLES: Final = (OWNER, ADMIN, TEAM_ADMIN, VIEWER, AUDITOR, FINANCE)
"""A team-admin's permissions hold for the teams that he administers, everybody else's everywhere."""


class Permission(StrEnum):
    """What an operation can need."""

    PUBLIC = "public"
    NODE = "node"
    OWN_IDENTITY = "own identity"
    READ_RESOURCES = "read resources"
    EXPORT_RESOURCES = "export resources"
    READ_SNAPSHOT = "read snapshot"
    READ_AUDIT = "read audit"
    CHECK_PROVIDERS = "check providers"
    CHANGE_RESOURCES = "change resources"
    CHANGE_PLATFORM = "change platform"
    CHANGE_TEAMS = "change teams"
    CHANGE_TEAM_CONTENT = "change team content"
    GRANT_ADMIN = "grant admin"
    GRANT_OWNER = "grant owner"


HOLDERS: Final[Mapping[Permission, frozenset[str]]] = {
    Permission.OWN_IDENTITY: frozenset(ROLES),
    Permission.READ_RESOURCES: frozenset(ROLES),
    Permission.EXPORT_RESOURCES: frozenset({OWNER, ADMIN, VIEWER, AUDITOR}),
    Permission.READ_SNAPSHOT: frozenset({OWNER, ADMIN, VIEWER, AUDITOR}),
    Permission.READ_AUDIT: frozenset({OWNER, ADMIN, AUDITOR}),
    Permission.CHECK_PROVIDERS: frozenset({OWNER, ADMIN}),
    Permission.CHANGE_RESOURCES: frozenset({OWNER, ADMIN, TEAM_ADMIN}),
    Permission.CHANGE_PLATFORM: frozenset({OWNER, ADMIN}),
    Permission.CHANGE_TEAMS: frozenset({OWNER, ADMIN}),
    Permission.CHANGE_TEAM_CONTENT: frozenset({OWNER, ADMIN, TEAM_ADMIN}),
    Permission.GRANT_ADMIN: frozenset({OWNER, ADMIN}),
    Permission.GRANT_OWNER: frozenset({OWNER}),
}
"""Which roles have a permission. PUBLIC needs none; NODE is held by gateway workers alone."""

OPERATIONS: Final[Mapping[str, Permission]] = {
    "livez": Permission.PUBLIC,
    "readyz": Permission.PUBLIC,
    "openapi": Permission.PUBLIC,
    "docs": Permission.PUBLIC,
    "link": Permission.NODE,
    "whoami": Permission.OWN_IDENTITY,
    "schema": Permission.OWN_IDENTITY,
    "list_resources": Permission.READ_RESOURCES,
    "get_resource": Permission.READ_RESOURCES,
    "put_resource": Permission.CHANGE_RESOURCES,
    "delete_resource": Permission.CHANGE_RESOURCES,
    "plan": Permission.CHANGE_RESOURCES,
    "apply": Permission.CHANGE_RESOURCES,
    "export": Permission.EXPORT_RESOURCES,
    "explain": Permission.READ_RESOURCES,
    "rotate_key": Permission.CHANGE_RESOURCES,
    "revoke_key": Permission.CHANGE_RESOURCES,
    "snapshot": Permission.READ_SNAPSHOT,
    "check_provider": Permission.CHECK_PROVIDERS,
    "list_events": Permission.READ_AUDIT,
    "verify_events": Permission.READ_AUDIT,
}
"""What each operation (a route's name) needs. What changes resources needs their kind's row as well."""

CHANGING: Final[Mapping[str, Permission]] = {
    "providers": Permission.CHANGE_PLATFORM,
    "models": Permission.CHANGE_PLATFORM,
    "teams": Permission.CHANGE_TEAMS,
    "projects": Permission.CHANGE_TEAM_CONTENT,
    "users": Permission.CHANGE_TEAM_CONTENT,
    "keys": Permission.CHANGE_TEAM_CONTENT,
}
"""What changing a resource of each kind needs."""

READ_BY_TEAM_ADMINS: Final = frozenset({"models"})
"""Kinds of which a team-admin sees everything; of others only what belongs to his teams."""

_GRANTED_BY: Final[Mapping[str, Permission]] = {
    OWNER: Permission.GRANT_OWNER,
    ADMIN: Permission.GRANT_ADMIN,
    VIEWER: Permission.GRANT_ADMIN,
    AUDITOR: Permission.GRANT_ADMIN,
    FINANCE: Permission.GRANT_ADMIN,
}


class Actor(msgspec.Struct, frozen=True):
    """Who calls the control API.

    name: as the audit trail shows it. key: the key that was shown. role: for the whole organisation.
    teams: those that the caller administers. at_home: whether the caller has control's home at hand.
    """

    name: str
    key: str | None = None
    role: str | None = None
    teams: frozenset[str] = frozenset()
    at_home: bool = False

    def holds(self, permission: Permission) -> bool:
        """Whether the caller has it for the whole organisation."""
        return self.role in HOLDERS.get(permission, ())

    def holds_for_a_team(self, permission: Permission) -> bool:
        """Whether the caller has it at least for a team of his."""
        return self.holds(permission) or (bool(self.teams) and TEAM_ADMIN in HOLDERS.get(permission, ()))

    def holds_for(self, permission: Permission, team: str | None) -> bool:
        """Whether the caller has it for what belongs to `team` (None: to no team)."""
        return self.holds(permission) or (team in self.teams and TEAM_ADMIN in HOLDERS.get(permission, ()))


class Rights(msgspec.Struct, frozen=True):
    """What a resource gives whoever holds it: a role in the organisation, teams to administer."""

    role: str | None = None
    teams: frozenset[str] = frozenset()


def check_operation(actor: Actor, operation: str) -> None:
    """Raises PermissionDenied unless the caller's roles have what the operation needs."""
    permission = OPERATIONS.get(operation)
    if permission is None or not actor.holds_for_a_team(permission):
        needed = permission or "an unnamed permission"
        raise PermissionDenied(
            f'this needs the permission "{needed}", {_which_roles_have(permission)}; {_said_of(actor)}'
        )


def check_change(
    actor: Actor, id_: ResourceId, teams: Iterable[str | None], rights: Iterable[Rights]
) -> None:
    """Raises PermissionDenied unless the caller may change a resource, that is, all these hold.

    The caller may change the kind for each of `teams`, which it belongs to before and after, and
    has himself all `rights` that it gives before and after.
    """
    permission = CHANGING.get(id_.kind)
    for team in teams:
        if permission is None or not actor.holds_for(permission, team):
            raise PermissionDenied(
                f'changing {id_} needs the permission "{permission}" for {_whose(actor, team)}, {_which_roles_have(permission)};'
                f" {_said_of(actor)}"
            )
    for given in rights:
        _check_grant(actor, id_, given)


def check_kind(actor: Actor, id_: ResourceId) -> None:
    """Raises PermissionDenied where the caller may change no resource of the kind at all, whosever it is."""
    permission = CHANGING.get(id_.kind)
    if permission is None or not actor.holds_for_a_team(permission):
        raise PermissionDenied(
            f'changing {id_} needs the permission "{permission}", {_which_roles_have(permission)}; {_said_of(actor)}'
        )


def name_taken(actor: Actor, id_: ResourceId) -> PermissionDenied:
    """What a caller is told that would make a resource under a name that it may not have."""
    return PermissionDenied(
        f"the caller may not make or change {id_}: choose another name; {_said_of(actor)}"
    )


def may_read(actor: Actor, kind: str, team: str | None) -> bool:
    """Whether the caller sees a resource of this kind that belongs to `team`."""
    if actor.holds(Permission.READ_RESOURCES):
        return True
    return bool(actor.teams) and (kind in READ_BY_TEAM_ADMINS or team in actor.teams)


def _check_grant(actor: Actor, id_: ResourceId, given: Rights) -> None:
    if given.role is not None:
        permission = _GRANTED_BY.get(given.role)
        if permission is None or not actor.holds(permission):
            raise PermissionDenied(
                f'{id_} carries the role "{given.role}": changing it needs the permission "{permission}", {_which_roles_have(permission)};'
                f" {_said_of(actor)}"
            )
    beyond = given.teams - actor.teams
    if beyond and not actor.holds(Permission.GRANT_ADMIN):
        raise PermissionDenied(
            f"{id_} administers {_whose(actor, min(beyond))}, which the caller does not: nobody gives rights above his own;"
            f" {_said_of(actor)}"
        )


def _whose(actor: Actor, team: str | None) -> str:
    """Whose a resource is, in words; a team that the caller may not see is not named."""
    if team is None:
        return "the organisation"
    return f'team "{team}"' if may_read(actor, "teams", team) else "another team"


def _which_roles_have(permission: Permission | None) -> str:
    roles = HOLDERS.get(permission, frozenset()) if permission else frozenset[str]()
    return (
        "which only " + ", ".join(r for r in ROLES if r in roles) + " have" if roles else "which no role has"
    )


def _said_of(actor: Actor) -> str:
    parts = [f'role "{actor.role}"'] if actor.role else []
    parts += [f'role "{TEAM_ADMIN}" of team "{team}"' for team in sorted(actor.teams)]
    return f"{actor.name} has {' and '.join(parts) or 'no role'}"
