"""Models: the names that callers ask for, and where their calls go."""

from __future__ import annotations

import msgspec

from turnpike.control.resources.provider import Timed


class ModelTarget(msgspec.Struct, frozen=True, omit_defaults=True):
    """A model at a provider; a star in it is what the star of the model's name stood for."""

    provider: str
    model: str


class Model(Timed, frozen=True, kw_only=True, omit_defaults=True):
    """A name or pattern, and its targets, first one first."""

    targets: tuple[ModelTarget, ...]
