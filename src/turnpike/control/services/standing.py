"""The store's state as the configuration's own values."""

from __future__ import annotations

from turnpike.control.document.kind import Resource, ResourceId
from turnpike.control.document.secret import SecretAddress
from turnpike.control.permissions import TEAM_ADMIN, Rights
from turnpike.control.plan import Held, Standing
from turnpike.control.resources.key import Key
from turnpike.control.resources.project import Project
from turnpike.control.resources.table import restore
from turnpike.control.resources.team import Team
from turnpike.control.resources.user import User
from turnpike.ports.store import SealedSecret, State, StoredResource

KEY_SECRET = "secret"
"""The field of a key that holds the secret it was brought with."""


def standing_of(state: State) -> dict[ResourceId, Held]:
    """Everything in store, by kind and name."""
    return {id_of_stored(stored): held_of(stored) for stored in state.resources}


def held_of(stored: StoredResource) -> Held:
    """A stored resource as the plan sees it."""
    return Held(restore(stored.kind, stored.spec), stored.owner)


def id_of_stored(stored: StoredResource) -> ResourceId:
    """A stored resource's kind and name."""
    return ResourceId(stored.kind, stored.name)


def sealed_secrets(state: State) -> dict[SecretAddress, SealedSecret]:
    """Every sealed secret in store; keys' secrets are digests and not among them."""
    return {
        SecretAddress(stored.kind, stored.name, path): secret
        for stored in state.resources
        for path, secret in stored.sealed.items()
    }


def written_secrets(state: State) -> dict[SecretAddress, str]:
    """What stands in the place of every secret in store, keys' own included."""
    written = {address: secret.written for address, secret in sealed_secrets(state).items()}
    for stored in state.resources:
        brought = stored.spec.get(KEY_SECRET) if stored.kind == "keys" else None
        if isinstance(brought, str):
            written[SecretAddress(stored.kind, stored.name, KEY_SECRET)] = brought
    return written


def team_of(resource: Resource, standing: Standing) -> str | None:
    """The team that a resource belongs to; None where it is the organisation's."""
    match resource:
        case Team():
            return resource.name
        case Project() | User():
            return resource.team
        case Key():
            return resource.team or _team_of_owner(resource, standing)
        case _:
            return None


class RightsIn:
    """What whoever holds a resource may do on the control API, as all that stands says; teams are looked through once."""

    def __init__(self, standing: Standing) -> None:
        self._standing = standing
        self._administered: dict[str, set[str]] = {}
        for held in standing.values():
            if isinstance(held.resource, Team):
                for member in held.resource.members or ():
                    if member.role == TEAM_ADMIN:
                        self._administered.setdefault(member.user, set()).add(held.resource.name)

    def of(self, resource: Resource) -> Rights:
        """The rights of whoever holds the resource."""
        match resource:
            case User():
                return Rights(resource.role, frozenset(self._administered.get(resource.name, ())))
            case Key(user=str(user)):
                owner = self._standing.get(ResourceId("users", user))
                return self.of(owner.resource) if owner else Rights()
            case Key(role=role, team=team) if role == TEAM_ADMIN:
                return Rights(None, frozenset({team} if team else ()))
            case Key():
                return Rights(resource.role)
            case _:
                return Rights()


def rights_of(resource: Resource, standing: Standing) -> Rights:
    """What whoever holds the resource may do on the control API: of one; of many, ask one `RightsIn`."""
    return RightsIn(standing).of(resource)


def _team_of_owner(key: Key, standing: Standing) -> str | None:
    kind, name = ("projects", key.project) if key.project else ("users", key.user)
    owner = standing.get(ResourceId(kind, name)) if name else None
    return team_of(owner.resource, standing) if owner else None
