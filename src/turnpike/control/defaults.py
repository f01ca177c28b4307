"""What works without configuration: providers, their models and the administrator, from variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from turnpike.control.document.kind import Resource
from turnpike.control.document.reference import Hidden
from turnpike.control.document.secret import SecretAddress
from turnpike.domain.provider import ProviderKind

ADMINISTRATOR = "administrator"
"""The name of the first key: role owner, every model."""

ADMIN_KEY_VARIABLE = "TURNPIKE_ADMIN_KEY"


class Defaults(msgspec.Struct, frozen=True):
    """Resources that variables stand for, and the secrets to seal for them."""

    resources: tuple[Resource, ...]
    secrets: Mapping[SecretAddress, Hidden]


def default_providers(
    variables: Mapping[str, str], kinds: Mapping[str, ProviderKind], configured: Iterable[Resource]
) -> Defaults:
    """A provider and its models for each kind whose variable is set and that no configured provider is of or named like."""
    raise NotImplementedError


def administrator(secret: Hidden, written: str | None) -> Defaults:
    """The first administrator's key: `written` is its reference, None where Turnpike made it."""
    raise NotImplementedError
