"""Control's start: the store in form, the right master key, the first administrator, ready providers."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import structlog

from turnpike.control.defaults import (
    ADMIN_KEY_VARIABLE,
    ADMINISTRATOR,
    Defaults,
    administrator,
    default_providers,
)
from turnpike.control.document.fault import NOWHERE
from turnpike.control.document.kind import Resource, ResourceId
from turnpike.control.document.reading import Reading
from turnpike.control.document.reference import Hidden
from turnpike.control.document.secret import Fresh, SecretAddress, SecretForm, SecretSlot, secret_complaint
from turnpike.control.permissions import OWNER
from turnpike.control.plan import ENVIRONMENT_OWNER, SYSTEM_OWNER, Plan
from turnpike.control.plane import Plane
from turnpike.control.resources.key import Key
from turnpike.control.resources.table import id_of, links_of
from turnpike.control.services.carry_out import carry_out_alone
from turnpike.control.services.change import Decision, Proposal, decide
from turnpike.control.services.documents import Document, Reviewed, decide_document, read
from turnpike.control.services.identify import SYSTEM_ACTOR
from turnpike.control.services.secrets import KEYS, minted_secret
from turnpike.control.services.snapshots import After, next_snapshot, stored_snapshot
from turnpike.control.services.standing import sealed_secrets, standing_of
from turnpike.domain.errors import InvalidRequest
from turnpike.ports.sealing import KEY_PURPOSE
from turnpike.ports.store import Change, State

CHECK_NOTE = "master-key-check"
CHECK_PURPOSE = "check"
_CHECK_TEXT = b"turnpike"

_log = structlog.get_logger()


class WrongMasterKey(Exception):
    """The store was written under another master key: nothing in it could be opened."""


class Variables(msgspec.Struct, frozen=True):
    """What control takes from its surroundings: the administrator's key, and the providers' own variables."""

    admin_key: Hidden | None
    providers: Mapping[str, str]


class Started(msgspec.Struct, frozen=True):
    """What whoever starts control has to show, once: secrets of keys that were made, by name."""

    minted: Mapping[str, Hidden]
    document: Reviewed | None


def start(plane: Plane, variables: Variables, document: Document | None) -> Started:
    """Make the store ready to serve, apply the document, and have a snapshot in store that says it all.

    Safe to run at every start. Raises WrongMasterKey, FaultyDocument, InvalidRequest, StoreUnavailable.
    """
    plane.store.migrate()
    confirm_master_key(plane)
    minted = dict(carry_out_alone(plane, lambda state: _administrator(plane, state, variables)).minted)
    reviewed = None
    if document is not None:
        # Before the document, so that it may name them; after it, so that those it replaces go.
        carry_out_alone(plane, lambda state: _ready_providers(plane, state, variables))
        reviewed = _apply(plane, document)
        minted |= reviewed.decision.minted
    carry_out_alone(plane, lambda state: _ready_providers(plane, state, variables))
    carry_out_alone(plane, lambda state: _compiled(plane, state))
    return Started(minted, reviewed)


def confirm_master_key(plane: Plane) -> None:
    """Raises WrongMasterKey unless the store was written under this master key, or is new."""
    kept = plane.store.note_once(CHECK_NOTE, plane.seal.close(_CHECK_TEXT, CHECK_PURPOSE))
    try:
        plane.seal.open(kept, CHECK_PURPOSE)
    except ValueError:
        raise WrongMasterKey(
            "the store was written under another master key, so that no credential in it can be opened and no key in"
            " it is recognised: give the one it was written with (TURNPIKE_MASTER_KEY, TURNPIKE_MASTER_KEY_FILE, or"
            " master.key in the home), or start on an empty store: another home, or where TURNPIKE_STORE_URL is set,"
            " another database"
        ) from None


def _apply(plane: Plane, document: Document) -> Reviewed:
    reviews: list[Reviewed] = []
    reading = read(plane, document)

    def decided(state: State) -> Decision:
        reviews.append(decide_document(plane, state, SYSTEM_ACTOR, document, reading))
        return reviews[-1].decision

    carry_out_alone(plane, decided)
    return reviews[-1]


def _administrator(plane: Plane, state: State, variables: Variables) -> Decision:
    """A key for the first administrator where nobody could administer, and the one that the variable gives."""
    given = variables.admin_key
    if given is not None:
        _check_admin_key(given.reveal())
    standing = standing_of(state)
    held = standing.get(ResourceId(KEYS, ADMINISTRATOR))
    written = f"${{env:{ADMIN_KEY_VARIABLE}}}"
    owners = [h for h in standing.values() if isinstance(h.resource, Key) and h.resource.role == OWNER]
    from_variable = (
        held is not None
        and held.owner == SYSTEM_OWNER
        and isinstance(held.resource, Key)
        and held.resource.secret == written
    )
    if (owners or held) and not (given and from_variable):
        return _nothing()
    if given is not None and _opens_another(plane, state, given):
        return _nothing()
    if given is not None:
        return _decided(plane, state, administrator(given, written), SYSTEM_OWNER)
    made = minted_secret(plane)
    decision = _decided(plane, state, administrator(made, None), SYSTEM_OWNER)
    return msgspec.structs.replace(decision, minted={ADMINISTRATOR: made})


def _check_admin_key(secret: str) -> None:
    complaint = secret_complaint("key", secret)
    if complaint is not None:
        raise InvalidRequest(f"{ADMIN_KEY_VARIABLE}: {complaint}")


def _opens_another(plane: Plane, state: State, secret: Hidden) -> bool:
    """Whether the variable holds a key of the store: commands read the same variable."""
    digest = plane.seal.digest(secret.reveal().encode(), KEY_PURPOSE)
    return any(s.digest == digest for key in state.keys if key.name != ADMINISTRATOR for s in key.secrets)


def _ready_providers(plane: Plane, state: State, variables: Variables) -> Decision:
    """Providers of the vendors' own variables; those that the variables no longer give and nobody needs go."""
    standing = standing_of(state)
    configured = [held.resource for held in standing.values() if held.owner != ENVIRONMENT_OWNER]
    defaults = default_providers(variables.providers, plane.providers, configured)
    given = {id_of(resource) for resource in defaults.resources}
    needed = {target for resource in configured for _, target in links_of(resource)}
    kept = [
        held.resource
        for id_, held in standing.items()
        if held.owner == ENVIRONMENT_OWNER and id_ in needed and id_ not in given
    ]
    for resource in kept:
        _log.warning(
            "provider.kept",
            provider=resource.name,
            reason="its variable gives no credential any more, and models need it",
        )
    with_kept = msgspec.structs.replace(defaults, resources=(*defaults.resources, *kept))
    return _decided(plane, state, with_kept, ENVIRONMENT_OWNER)


def _compiled(plane: Plane, state: State) -> Decision:
    """The snapshot of what is in store, where the last one is of another content or another release."""
    after = After(standing_of(state), sealed_secrets(state), {key.name: key for key in state.keys})
    snapshot = next_snapshot(plane, state.snapshot, after)
    if snapshot is None:
        return _nothing()
    stored = stored_snapshot(snapshot, SYSTEM_ACTOR.name)
    return Decision(Plan("", (), ()), Change(state.revision, snapshot=stored))


def _decided(plane: Plane, state: State, defaults: Defaults, owner: str) -> Decision:
    resources = {id_of(resource): resource for resource in defaults.resources}
    fresh = tuple(
        Fresh(_slot(address, resources[ResourceId(address.kind, address.name)], owner), value)
        for address, value in defaults.secrets.items()
    )
    reading = Reading(owner, defaults.resources, dict.fromkeys(resources, NOWHERE))
    return decide(plane, state, SYSTEM_ACTOR, Proposal(reading, owner, fresh=fresh))


def _slot(address: SecretAddress, resource: Resource, owner: str) -> SecretSlot:
    """The place of a secret that a variable gives; its reference stands in the resource."""
    form: SecretForm = "key" if address.kind == KEYS else "credential"
    written = str(getattr(resource, address.field) or "")
    return SecretSlot(address, form, written, (), owner, NOWHERE, str(address))


def _nothing() -> Decision:
    return Decision(Plan("", (), ()))
