"""Which ways a model's name leads to."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from turnpike.domain.errors import InvalidRequest, ModelNotFound
from turnpike.domain.pattern import STAR, is_pattern, specificity, star_of
from turnpike.domain.snapshot import Model, TimeLimits, overridden
from turnpike.domain.surface import Surface
from turnpike.gateway.uplink import Uplink


class Way(msgspec.Struct, frozen=True, gc=False):
    """One target of a call: a provider, the model's name there, and its limits.

    label: as the header `x-turnpike-target` says it.
    """

    uplink: Uplink
    model: str
    path: bytes
    label: bytes
    limits: TimeLimits
    retries: int


class Route(msgspec.Struct, frozen=True):
    """What a name that was asked for means: the configured model, and its ways, best first."""

    model: Model
    ways: tuple[Way, ...]


class Catalogue:
    """The configured models, by name and by pattern."""

    def __init__(self, models: tuple[Model, ...], uplinks: Mapping[str, Uplink]) -> None:
        self._uplinks = uplinks
        self._named = {model.name: model for model in models if not is_pattern(model.name)}
        self._patterns = sorted(
            (model for model in models if is_pattern(model.name)),
            key=lambda model: specificity(model.name),
            reverse=True,
        )
        for model in models:
            for target in model.targets:
                uplinks[target.provider]

    @property
    def models(self) -> tuple[Model, ...]:
        """Every model, plain names first."""
        return (*self._named.values(), *self._patterns)

    def uplink(self, provider: str) -> Uplink:
        """The way to a provider that a model's target names."""
        return self._uplinks[provider]

    def way_to(self, provider: str, model: str, surface: Surface) -> Way | None:
        """The way to a model at a provider, whether one is configured or not."""
        uplink = self._uplinks.get(provider)
        path = uplink.paths.get(surface) if uplink is not None else None
        if uplink is None or path is None:
            return None
        label = target_label(provider, model)
        return Way(uplink, model, path, label, uplink.limits, uplink.retries)

    def find(self, name: str) -> tuple[Model, str] | None:
        """The model that `name` means, and what its star stands for."""
        model = self._named.get(name)
        if model is not None:
            return model, ""
        for pattern in self._patterns:
            star = star_of(pattern.name, name)
            if star is not None:
                return pattern, star
        return None

    def route(self, name: str, surface: Surface) -> Route:
        """Where a call goes. Raises ModelNotFound, or InvalidRequest where no target speaks it."""
        found = self.find(name)
        if found is None:
            raise ModelNotFound(f"No model {name!r} is configured.")
        model, star = found
        ways = [
            self._way(model, self._uplinks[target.provider], target.model.replace(STAR, star), path)
            for target in model.targets
            if (path := self._uplinks[target.provider].paths.get(surface)) is not None
        ]
        if not ways:
            raise InvalidRequest(
                f"The model {name!r} is not served on {surface}: "
                f"its providers speak another API. Use one of theirs."
            )
        return Route(model, tuple(ways))

    def surfaces(self, model: Model) -> frozenset[Surface]:
        """Those that at least one of the model's targets speaks."""
        return frozenset(
            surface for target in model.targets for surface in self._uplinks[target.provider].paths
        )

    def _way(self, model: Model, uplink: Uplink, target_model: str, path: bytes) -> Way:
        retries = model.overrides.retries
        return Way(
            uplink=uplink,
            model=target_model,
            path=path,
            label=target_label(uplink.provider, target_model),
            limits=overridden(uplink.limits, model.overrides),
            retries=uplink.retries if retries is None else retries,
        )


def target_label(provider: str, model: str) -> bytes:
    """A target as a header value: visible ASCII only, whatever a caller put into a pattern."""
    text = f"{provider}/{model}"
    return "".join(c if "!" <= c <= "~" else "?" for c in text).encode("ascii")
