"""What a caller may do: denied unless each of its levels allows it."""

from __future__ import annotations

import difflib
from typing import Final

from turnpike.domain.errors import (
    InvalidRequest,
    ModelNotAllowed,
    ModelNotFound,
    NotFound,
    PolicyDenied,
    SurfaceNotAllowed,
    UpstreamUnavailable,
)
from turnpike.domain.pattern import any_matches
from turnpike.domain.principal import Principal
from turnpike.domain.snapshot import Access, Model, Target
from turnpike.domain.surface import OPENAI_RESPONSES, Surface
from turnpike.gateway.catalogue import Catalogue, Route
from turnpike.gateway.grants import Grant
from turnpike.gateway.identities import Holder
from turnpike.gateway.kept.response import KeptResponse, may_touch

NAME_MAX_CHARACTERS: Final = 512
"""A pattern takes any name of up to this length; none is compared, kept or echoed that is longer."""

USER_MAX_CHARACTERS: Final = 256
HINTS_MAX: Final = 64
"""Names that a refused one is compared with; a comparison takes some 30 µs of the event loop."""


def authorize(holder: Holder, surface: Surface, model: str, catalogue: Catalogue) -> Grant:
    """Whether the caller may ask for `model` on `surface`.

    Raises SurfaceNotAllowed, ModelNotFound, ModelNotAllowed, or InvalidRequest where no target of
    the model speaks the surface.
    """
    known = holder.grants.recall(surface, model)
    if known is not None:
        return known
    access = holder.key.access
    check_surface(access, surface)
    if len(model) > NAME_MAX_CHARACTERS:
        raise ModelNotFound(f"No model has a name of {len(model)} characters.")
    if not may_use(access, model):
        raise _not_allowed(access, model, catalogue)
    try:
        route = catalogue.route(model, surface)
    except ModelNotFound as unknown:
        raise ModelNotFound(unknown.message + _hint(access, model, catalogue)) from unknown
    grant = Grant(surface, model, route)
    holder.grants.remember(grant)
    return grant


def authorize_kept(
    holder: Holder, principal: Principal, response_id: str, kept: KeptResponse | None, catalogue: Catalogue
) -> Grant:
    """Whether the caller may ask about a response; the grant leads to the provider that keeps it alone.

    Raises SurfaceNotAllowed, NotFound where nothing by this id was made for its owner, ModelNotAllowed or
    ModelNotFound where it may not use the model that it was made with, UpstreamUnavailable where the
    provider is configured no more.
    """
    access = holder.key.access
    check_surface(access, OPENAI_RESPONSES)
    if kept is None or not may_touch(kept, principal):
        raise NotFound(
            f"No response {response_id!r} was made here with a key that shares this one's "
            "owner in the last 30 days."
        )
    if not may_use(access, kept.asked):
        raise _not_allowed(access, kept.asked, catalogue)
    way = catalogue.way_to(kept.provider, kept.model, OPENAI_RESPONSES)
    if way is None:
        raise UpstreamUnavailable(
            f"The provider {kept.provider!r}, which keeps this response, is configured no more."
        )
    model = Model(kept.asked, (Target(kept.provider, kept.model),))
    return Grant(OPENAI_RESPONSES, kept.asked, Route(model, (way,)))


def check_surface(access: Access, surface: Surface) -> None:
    """Raises SurfaceNotAllowed where a level of the caller leaves the surface out."""
    if not may_speak(access, surface):
        raise SurfaceNotAllowed(f"This key may not use the surface {surface}.")


def may_speak(access: Access, surface: Surface) -> bool:
    """Whether every level of the caller leaves the surface open."""
    return all(any_matches(patterns, surface) for patterns in access.surfaces)


def may_use(access: Access, model: str) -> bool:
    """Whether every level of the caller has a pattern that means the model."""
    return all(any_matches(patterns, model) for patterns in access.models)


def act_for(holder: Holder, user: str | None) -> Principal:
    """The principal of a call, with the end user that a service names where its key permits it.

    Raises PolicyDenied where it does not, InvalidRequest where the name is no sensible one.
    """
    principal = holder.key.principal
    if user is None:
        return principal
    if len(user) > USER_MAX_CHARACTERS or not user.isprintable():
        raise InvalidRequest(f"x-turnpike-user takes 1 to {USER_MAX_CHARACTERS} printable characters.")
    if not any_matches(holder.key.acts_for, user):
        raise PolicyDenied(
            "This key may not name an end user in x-turnpike-user "
            "(its `acts_for` lists the users that it may name)."
        )
    return Principal(principal.organisation, principal.team, principal.project, user, principal.key)


def _not_allowed(access: Access, model: str, catalogue: Catalogue) -> ModelNotAllowed | ModelNotFound:
    hint = _hint(access, model, catalogue)
    if catalogue.find(model) is None:
        return ModelNotFound(f"No model {model!r} is configured.{hint}")
    return ModelNotAllowed(f"This key may not use the model {model!r}.{hint}")


def _hint(access: Access, model: str, catalogue: Catalogue) -> str:
    names = [known.name for known in catalogue.models if may_use(access, known.name)]
    close = difflib.get_close_matches(model, names[:HINTS_MAX], n=1)
    return f" Did you mean {close[0]!r}?" if close else " GET /v1/models lists those that this key may use."
