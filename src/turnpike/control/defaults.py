"""What works without configuration: providers, their models and the administrator, from variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from turnpike.control.document.kind import Resource
from turnpike.control.document.reference import Hidden
from turnpike.control.document.secret import SecretAddress, secret_complaint
from turnpike.control.resources.key import Key
from turnpike.control.resources.model import Model, ModelTarget
from turnpike.control.resources.provider import Provider
from turnpike.domain.pattern import STAR
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
    """A provider and its models for each kind whose variable is set and can be used.

    None for a kind that a configured provider is of or named like; no model whose name is configured.
    """
    configured = tuple(configured)
    providers = [resource for resource in configured if isinstance(resource, Provider)]
    taken = {provider.name for provider in providers} | {provider.kind for provider in providers}
    models = {resource.name for resource in configured if isinstance(resource, Model)}
    ready = [kind for kind in kinds.values() if kind.name not in taken and _is_ready(kind, variables)]
    resources: list[Resource] = []
    secrets: dict[SecretAddress, Hidden] = {}
    for kind in ready:
        new = [model for model in _models(kind) if model.name not in models]
        models.update(model.name for model in new)
        resources += [_provider(kind), *new]
        address = SecretAddress("providers", kind.name, "credential")
        secrets[address] = Hidden(_credential(kind, variables))
    return Defaults(tuple(resources), secrets)


def unusable_variables(variables: Mapping[str, str], kinds: Mapping[str, ProviderKind]) -> dict[str, str]:
    """What is wrong with vendors' variables that are set and make no provider, by name; never shows a value."""
    said = {
        kind.credential_variable: secret_complaint("credential", _credential(kind, variables))
        for kind in kinds.values()
        if kind.credential_variable is not None and _credential(kind, variables)
    }
    return {variable: complaint for variable, complaint in said.items() if complaint is not None}


def administrator(secret: Hidden, written: str | None) -> Defaults:
    """The first administrator's key: `written` is its reference, None where Turnpike made it."""
    key = Key(
        name=ADMINISTRATOR,
        description="The first administrator's key.",
        role="owner",
        models=(STAR,),
        secret=written,
    )
    return Defaults((key,), {SecretAddress("keys", ADMINISTRATOR, "secret"): secret})


def _is_ready(kind: ProviderKind, variables: Mapping[str, str]) -> bool:
    """Whether it needs no more than its variable, and that holds what a call can carry."""
    return kind.base_url is not None and secret_complaint("credential", _credential(kind, variables)) is None


def _credential(kind: ProviderKind, variables: Mapping[str, str]) -> str:
    """What the kind's variable holds, without the blanks around it; empty where there is nothing."""
    return variables.get(kind.credential_variable or "", "").strip()


def _provider(kind: ProviderKind) -> Provider:
    return Provider(
        name=kind.name,
        description=f"Ready because {kind.credential_variable} is set.",
        kind=kind.name,
        credential=f"${{env:{kind.credential_variable}}}",
    )


def _models(kind: ProviderKind) -> list[Model]:
    """The vendor's own names pass as they are; `KIND/…` reaches every model of the vendor."""
    own = [Model(name=pattern, targets=(ModelTarget(kind.name, pattern),)) for pattern in kind.model_patterns]
    return [*own, Model(name=f"{kind.name}/{STAR}", targets=(ModelTarget(kind.name, STAR),))]
