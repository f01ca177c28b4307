"""What is known of a kind of provider: one row of the table that `providers/` fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from turnpike.domain.surface import Surface

Credentialed = Callable[[str], tuple[tuple[str, str], ...]]
"""From a credential to the headers that carry it upstream."""


class ProviderKind(msgspec.Struct, frozen=True):
    """Facts about one kind of provider.

    name: as `kind:` in the configuration.
    title: for people.
    base_url: the vendor's public address, None where the configuration must give one.
    paths: what follows the base URL, for each surface that the kind serves natively.
    credentialed: the authentication headers made from a credential.
    models_path: where the provider lists its models, behind the base URL; models_headers: what it wants with that.
    credential_variable: the variable that the vendor's own SDK reads, None where there is none.
    base_url_variable: the variable in which that SDK looks for another address, in the form of `base_url`.
    credential_required: whether it refuses calls that carry no credential.
    model_patterns: names that only this vendor's models bear, for use without configuration.
    """

    name: str
    title: str
    base_url: str | None
    paths: Mapping[Surface, str]
    credentialed: Credentialed
    models_path: str
    models_headers: tuple[tuple[str, str], ...] = ()
    credential_variable: str | None = None
    base_url_variable: str | None = None
    credential_required: bool = True
    model_patterns: tuple[str, ...] = ()
