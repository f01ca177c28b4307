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
from turnpike.control.resources.texts import BASE_URL
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
        resources += [_provider(kind, variables), *new]
        address = SecretAddress("providers", kind.name, "credential")
        secrets[address] = Hidden(_credential(kind, variables))
    return Defaults(tuple(resources), secrets)


def unusable_variables(variables: Mapping[str, str], kinds: Mapping[str, ProviderKind]) -> dict[str, str]:
    """What is wrong with vendors' variables that are set and make no provider, by name; never shows a value."""
    set_ones = [kind for kind in kinds.values() if _credential(kind, variables)]
    said = {
        kind.credential_variable or "": secret_complaint("credential", _credential(kind, variables))
        for kind in set_ones
    } | {kind.base_url_variable or "": _base_url_complaint(kind, variables) for kind in set_ones}
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
    """Whether it needs no more than its variables, and they hold what a call can use."""
    if kind.base_url is None or _base_url_complaint(kind, variables) is not None:
        return False
    return secret_complaint("credential", _credential(kind, variables)) is None


def _credential(kind: ProviderKind, variables: Mapping[str, str]) -> str:
    """What the kind's variable holds, without the blanks around it; empty where there is nothing."""
    return variables.get(kind.credential_variable or "", "").strip()


def _base_url(kind: ProviderKind, variables: Mapping[str, str]) -> str | None:
    """The address that the kind's variable gives; None where it gives none, and the vendor's is meant."""
    return variables.get(kind.base_url_variable or "", "").strip() or None


def _base_url_complaint(kind: ProviderKind, variables: Mapping[str, str]) -> str | None:
    """What is wrong with that address, as it would be in a document; never shows it."""
    text = _base_url(kind, variables)
    return None if text is None else BASE_URL.wrong(text)


def _provider(kind: ProviderKind, variables: Mapping[str, str]) -> Provider:
    return Provider(
        name=kind.name,
        description=f"Ready because {kind.credential_variable} is set.",
        kind=kind.name,
        base_url=_base_url(kind, variables),
        credential=f"${{env:{kind.credential_variable}}}",
    )


def _models(kind: ProviderKind) -> list[Model]:
    """The vendor's own names pass as they are; `KIND/…` reaches every model of the vendor."""
    own = [Model(name=pattern, targets=(ModelTarget(kind.name, pattern),)) for pattern in kind.model_patterns]
    return [*own, Model(name=f"{kind.name}/{STAR}", targets=(ModelTarget(kind.name, STAR),))]
