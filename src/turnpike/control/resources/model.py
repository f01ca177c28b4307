"""Models: the names that callers ask for, and where their calls go."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from turnpike.control.document.fault import shown
from turnpike.control.document.kind import ResourceId
from turnpike.control.document.record import Field, Kind, Record, View
from turnpike.control.document.shape import LinkTo, ListOf
from turnpike.control.resources.provider import MODEL_TIMED_FIELDS, Timed, check_times
from turnpike.control.resources.texts import MODEL_NAME, common_fields
from turnpike.domain.pattern import is_pattern

MAX_TARGETS = 64


class ModelTarget(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model at a provider; a star in it is what the star of the model's name stood for."""

    provider: str
    model: str


class Model(Timed, frozen=True, kw_only=True, omit_defaults=True):
    """A name or pattern, and its targets, first one first."""

    targets: tuple[ModelTarget, ...]


def _links(model: Model) -> Iterator[tuple[str, ResourceId]]:
    for i, target in enumerate(model.targets):
        yield f"targets[{i}].provider", ResourceId("providers", target.provider)


def _check(view: View) -> None:
    check_times(view)
    name = view.values.get("name", "*")
    if is_pattern(name):
        return
    for i, target in enumerate(view.values.get("targets", ())):
        if is_pattern(target.model):
            message = (
                f"found {shown(target.model)}; a star may stand here only where the model's name has one"
            )
            view.fault(message, "targets", i, "model")


_TARGET = Record(
    ModelTarget,
    "a target",
    (
        Field("provider", LinkTo("providers"), "The provider's name.", required=True),
        Field(
            "model",
            MODEL_NAME,
            "The model's name there; a star is what the star of this model's name stood for.",
            required=True,
        ),
    ),
)

MODEL = Kind(
    name="models",
    meaning="Names that callers may ask for, and where such calls go. A name may be a pattern with one star; of several "
    "that match, a plain name comes first, then the longest pattern.",
    record=Record(
        Model,
        "a model",
        (
            *common_fields(MODEL_NAME),
            Field(
                "targets",
                ListOf(_TARGET, 1, MAX_TARGETS),
                "Where calls go, the first one first.",
                required=True,
            ),
            *MODEL_TIMED_FIELDS,
        ),
        _check,
    ),
    links=_links,
    example="{name: fast, targets: [{provider: openai, model: gpt-4o-mini}]}",
)
