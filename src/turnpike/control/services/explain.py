"""Why a key may or may not ask for a model, and where such a call would go: from what is published."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from turnpike.control.compile import levels_of
from turnpike.control.document.kind import ResourceId
from turnpike.control.document.names import suggestion
from turnpike.control.permissions import Actor
from turnpike.control.plane import Plane
from turnpike.control.resources.access import Level
from turnpike.control.resources.key import Key
from turnpike.control.services.sight import find_seen, not_found
from turnpike.control.services.standing import id_of_stored, standing_of
from turnpike.domain.errors import Conflict, InvalidRequest
from turnpike.domain.pattern import STAR, any_matches, specificity, star_of
from turnpike.domain.snapshot import Key as PublishedKey
from turnpike.domain.snapshot import Model, Snapshot, TimeLimits, decode_snapshot, overridden
from turnpike.domain.surface import SURFACES
from turnpike.domain.tags import missing_tags
from turnpike.ports.store import State


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """May this key ask for this model? `surface` (`openai.chat`) asks about one way of asking alone."""

    key: str
    model: str
    surface: str | None = None


class LevelSays(msgspec.Struct, frozen=True):
    """What one level of the key allows; None where it says nothing of it."""

    level: str
    models: tuple[str, ...] | None
    allows_model: bool | None
    surfaces: tuple[str, ...] | None
    allows_surface: bool | None


class TargetSays(msgspec.Struct, frozen=True):
    """One target: the model's name there, the surfaces it serves, and how long and how often it is tried."""

    provider: str
    kind: str
    model: str
    region: str | None
    surfaces: tuple[str, ...]
    limits: TimeLimits
    retries: int


class Explanation(msgspec.Struct, frozen=True):
    """The answer, and everything that it follows from.

    code: the error that the gateway would give; None where it would take the call. star: what the star
    of the model's name stands for. targets: in the order in which they are tried, those alone that speak the surface
    where one is asked about. tags: what a call has by itself. required_tags: without them a call is refused all the
    same; missing_tags are those of them that the call must bring.
    """

    key: str
    model: str
    surface: str | None
    allowed: bool
    code: str | None
    says: str
    levels: tuple[LevelSays, ...]
    means: str | None
    star: str | None
    targets: tuple[TargetSays, ...]
    tags: dict[str, str]
    required_tags: tuple[str, ...]
    missing_tags: tuple[str, ...]
    networks: tuple[str, ...]
    version: str


def explain(plane: Plane, actor: Actor, question: Question) -> Explanation:
    """The answer. Raises NotFound for a key that the caller may not see, InvalidRequest, Conflict."""
    if question.surface is not None and question.surface not in SURFACES:
        raise InvalidRequest(f"there is no surface {question.surface!r}; there are {', '.join(SURFACES)}")
    state = plane.store.state()
    key, levels = _levels(state, actor, question)
    snapshot, published = _published(state, question.key)
    found = _meant(snapshot.models, question.model)
    targets = _targets(plane, snapshot, found, question.surface)
    missing = missing_tags(published.tags, published.required_tags)
    fault = (
        _key_fault(published, plane.clock.now_ns())
        or _access_fault(
            levels, question, _nearest(snapshot.models, question.model) if found is None else None
        )
        or _surface_fault(found, targets, question)
    )
    code, says = fault or (None, f"the gateway takes such a call{_with(missing)}")
    return Explanation(
        key=key.name,
        model=question.model,
        surface=question.surface,
        allowed=code is None,
        code=code,
        says=says,
        levels=levels,
        means=found[0].name if found else None,
        star=found[1] or None if found else None,
        targets=targets,
        tags=dict(published.tags),
        required_tags=published.required_tags,
        missing_tags=missing,
        networks=published.networks,
        version=snapshot.version,
    )


Meant = tuple[Model, str]
_Fault = tuple[str, str]


def _levels(state: State, actor: Actor, question: Question) -> tuple[Key, tuple[LevelSays, ...]]:
    standing = standing_of(state)
    stored = find_seen(state, actor, ResourceId("keys", question.key))
    held = standing[id_of_stored(stored)] if stored else None
    if held is None or not isinstance(held.resource, Key):
        raise not_found(actor, ResourceId("keys", question.key), state)
    levels = levels_of(held.resource, (other.resource for other in standing.values()))
    return held.resource, tuple(_level(kind, level, question) for kind, level in levels)


def _level(kind: str, level: Level, question: Question) -> LevelSays:
    surface = question.surface
    return LevelSays(
        level=f"{kind}/{level.name}",
        models=level.models,
        allows_model=None if level.models is None else any_matches(level.models, question.model),
        surfaces=level.surfaces,
        allows_surface=None
        if level.surfaces is None or surface is None
        else any_matches(level.surfaces, surface),
    )


def _published(state: State, name: str) -> tuple[Snapshot, PublishedKey]:
    snapshot = decode_snapshot(state.snapshot.body) if state.snapshot else None
    key = next((key for key in snapshot.keys if key.name == name), None) if snapshot else None
    if snapshot is None or key is None:
        raise Conflict(f'key "{name}" is not published yet: try again')
    return snapshot, key


def _meant(models: Iterable[Model], name: str) -> Meant | None:
    """The model that the name means, as the gateway decides it, and what its star stands for."""
    matching = [(model, star) for model in models if (star := star_of(model.name, name)) is not None]
    return max(matching, key=lambda found: specificity(found[0].name), default=None)


def _targets(
    plane: Plane, snapshot: Snapshot, found: Meant | None, surface: str | None
) -> tuple[TargetSays, ...]:
    """As the gateway goes through them: a target whose provider has no path for the surface is passed over."""
    if found is None:
        return ()
    model, star = found
    providers = {provider.name: provider for provider in snapshot.providers}
    targets = []
    for target in model.targets:
        provider = providers[target.provider]
        surfaces = tuple(plane.providers[provider.kind].paths)
        if surface is not None and surface not in surfaces:
            continue
        targets.append(
            TargetSays(
                provider=provider.name,
                kind=provider.kind,
                model=target.model.replace(STAR, star),
                region=provider.region,
                surfaces=surfaces,
                limits=overridden(provider.limits, model.overrides),
                retries=provider.retries if model.overrides.retries is None else model.overrides.retries,
            )
        )
    return tuple(targets)


def _key_fault(key: PublishedKey, now_ns: int) -> _Fault | None:
    if key.revoked:
        return "revoked_key", "the key was revoked"
    ends = [key.expires_at_ns, *(() if not key.secrets else (_last_end(key),))]
    if any(end is not None and end <= now_ns for end in ends):
        return "expired_key", "the key has expired"
    return None


def _last_end(key: PublishedKey) -> int | None:
    """When the last of its secrets ends; None where one has no end."""
    ends = [secret.expires_at_ns for secret in key.secrets]
    return None if None in ends else max(end for end in ends if end is not None)


def _nearest(models: Iterable[Model], name: str) -> str:
    """Models are no secret from anybody who may ask: all of them are compared."""
    return suggestion(name, (model.name for model in models))


def _access_fault(levels: tuple[LevelSays, ...], question: Question, nearest: str | None) -> _Fault | None:
    """`nearest` says which model was meant, None where there is one of the name."""
    denying = [level.level for level in levels if level.allows_surface is False]
    if denying:
        return "surface_not_allowed", f"{_those(denying)} not allow the surface {question.surface}"
    if all(level.models is None for level in levels):
        denied = "no level names any model, so that nothing is allowed"
    elif refusing := [level.level for level in levels if level.allows_model is False]:
        denied = f"{_those(refusing)} not allow the model"
    elif nearest is None:
        return None
    else:
        return "model_not_found", f"no model of this name is configured{nearest}"
    if nearest is None:
        return "model_not_allowed", denied
    return "model_not_found", f"no such model; {denied}{nearest}"


def _surface_fault(found: Meant | None, targets: tuple[TargetSays, ...], question: Question) -> _Fault | None:
    if targets or found is None:
        return None
    return "invalid_request", f"no provider of this model speaks {question.surface}"


def _with(missing: tuple[str, ...]) -> str:
    if not missing:
        return ""
    tags = f"the tag{'' if len(missing) == 1 else 's'} {', '.join(missing)}"
    return f" if it brings {tags} (x-turnpike-tags); without, it is refused with invalid_tags"


def _those(levels: list[str]) -> str:
    return f"{' and '.join(levels)} {'does' if len(levels) == 1 else 'do'}"
