"""From resources to the snapshot that gateways serve from."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from turnpike.control.document.fault import path_text
from turnpike.control.document.instant import instant_ns
from turnpike.control.document.kind import Resource
from turnpike.control.document.reference import has_reference
from turnpike.control.document.secret import SecretAddress
from turnpike.control.resources.access import Level
from turnpike.control.resources.key import Key
from turnpike.control.resources.model import Model
from turnpike.control.resources.project import Project
from turnpike.control.resources.provider import Provider
from turnpike.control.resources.team import Team
from turnpike.control.resources.user import User
from turnpike.domain import snapshot as domain
from turnpike.domain.principal import Principal
from turnpike.domain.provider import ProviderKind
from turnpike.domain.snapshot import Secret, Snapshot

R = TypeVar("R", bound=Resource)

_DEFAULT_LIMITS = domain.TimeLimits()
_DEFAULT_RETRIES = 2


class Stamp(msgspec.Struct, frozen=True):
    """What tells one snapshot from another."""

    version: str
    serial: int
    created_at_ns: int
    organisation: str = "default"


class Closed(msgspec.Struct, frozen=True):
    """Secrets as they are stored: sealed by address, and digests of keys by the key's name."""

    sealed: Mapping[SecretAddress, bytes]
    keys: Mapping[str, tuple[Secret, ...]]


def compile_snapshot(
    resources: Iterable[Resource], closed: Closed, providers: Mapping[str, ProviderKind], stamp: Stamp
) -> Snapshot:
    """The snapshot of resources whose relations hold (see plan.relation_faults).

    Raises Uncompilable, naming the resource, where a secret is not in `closed` or a name dangles.
    """
    source = _sorted_out(resources)
    return Snapshot(
        version=stamp.version,
        serial=stamp.serial,
        created_at_ns=stamp.created_at_ns,
        organisation=stamp.organisation,
        providers=tuple(_provider(provider, closed, providers) for provider in source.providers.values()),
        models=tuple(_model(model, source) for model in source.models),
        keys=tuple(_key(key, source, closed, stamp.organisation) for key in source.keys),
    )


def levels_of(key: Key, resources: Iterable[Resource]) -> tuple[tuple[str, Level], ...]:
    """The levels of a key with their kinds, from its team down to itself, as far as it has them."""
    team, project, user = _owners(key, _sorted_out(resources))
    levels = (("teams", team), ("projects", project), ("users", user), ("keys", key))
    return tuple((kind, level) for kind, level in levels if level is not None)


class Uncompilable(ValueError):
    """The resources do not make a snapshot; the message names the first that is at fault."""


class _Source(msgspec.Struct, frozen=True):
    """The resources by kind, each kind in the order of names."""

    providers: dict[str, Provider]
    models: list[Model]
    teams: dict[str, Team]
    projects: dict[str, Project]
    users: dict[str, User]
    keys: list[Key]


def _sorted_out(resources: Iterable[Resource]) -> _Source:
    """By kind and name, so that equal resources make an equal snapshot in whatever order they come."""
    source = _Source({}, [], {}, {}, {}, [])
    for resource in sorted(resources, key=lambda resource: resource.name):
        match resource:
            case Provider():
                source.providers[resource.name] = resource
            case Model():
                source.models.append(resource)
            case Team():
                source.teams[resource.name] = resource
            case Project():
                source.projects[resource.name] = resource
            case User():
                source.users[resource.name] = resource
            case Key():
                source.keys.append(resource)
            case _:
                raise Uncompilable(f"{resource.name}: no snapshot holds a {type(resource).__name__}")
    return source


def _provider(provider: Provider, closed: Closed, kinds: Mapping[str, ProviderKind]) -> domain.Provider:
    kind = kinds.get(provider.kind)
    if kind is None:
        raise Uncompilable(f"providers/{provider.name}: this release knows no kind {provider.kind!r}")
    base_url = provider.base_url or kind.base_url
    if base_url is None:
        raise Uncompilable(f"providers/{provider.name}: no base_url")
    sealed = _ProviderSecrets(provider.name, closed.sealed)
    plain_headers, sealed_headers = _headers(provider, sealed)
    proxy_is_secret = provider.proxy is not None and has_reference(provider.proxy)
    return domain.Provider(
        name=provider.name,
        kind=provider.kind,
        base_url=base_url.rstrip("/"),
        credentials=_credentials(provider, sealed),
        headers=plain_headers,
        sealed_headers=sealed_headers,
        limits=_limits(provider),
        retries=_DEFAULT_RETRIES if provider.retries is None else provider.retries,
        tls=domain.Tls(provider.tls.ca_file, provider.tls.client_certificate) if provider.tls else None,
        proxy=None if proxy_is_secret else provider.proxy,
        sealed_proxy=sealed.of("proxy") if proxy_is_secret else None,
        region=provider.region,
    )


class _ProviderSecrets(msgspec.Struct, frozen=True):
    """The sealed secrets of one provider by field."""

    name: str
    sealed: Mapping[SecretAddress, bytes]

    def of(self, field: str) -> bytes:
        found = self.sealed.get(SecretAddress("providers", self.name, field))
        if found is None:
            raise Uncompilable(
                f"providers/{self.name}: nothing is sealed for {field}; apply its document once more"
            )
        return found


def _credentials(provider: Provider, sealed: _ProviderSecrets) -> tuple[bytes, ...]:
    if provider.credential is not None:
        return (sealed.of("credential"),)
    return tuple(sealed.of(f"credentials[{i}]") for i in range(len(provider.credentials or ())))


def _headers(
    provider: Provider, sealed: _ProviderSecrets
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, bytes], ...]]:
    """Headers in the clear, and those whose values are secrets."""
    plain, secret = [], []
    for name, value in (provider.headers or {}).items():
        if has_reference(value):
            secret.append((name.lower(), sealed.of(path_text(("headers", name)))))
        else:
            plain.append((name.lower(), value))
    return tuple(plain), tuple(secret)


def _limits(provider: Provider) -> domain.TimeLimits:
    return domain.TimeLimits(
        connect_seconds=_or(provider.connect_timeout_seconds, _DEFAULT_LIMITS.connect_seconds),
        first_byte_seconds=_or(provider.first_byte_timeout_seconds, _DEFAULT_LIMITS.first_byte_seconds),
        idle_seconds=_or(provider.idle_timeout_seconds, _DEFAULT_LIMITS.idle_seconds),
        total_seconds=_or(provider.total_timeout_seconds, _DEFAULT_LIMITS.total_seconds),
    )


def _or(value: float | None, default: float) -> float:
    return default if value is None else float(value)


def _model(model: Model, source: _Source) -> domain.Model:
    for target in model.targets:
        _need(source.providers, "providers", target.provider, f"models/{model.name}")
    return domain.Model(
        name=model.name,
        targets=tuple(domain.Target(target.provider, target.model) for target in model.targets),
        overrides=domain.LimitOverrides(
            connect_seconds=_float(model.connect_timeout_seconds),
            first_byte_seconds=_float(model.first_byte_timeout_seconds),
            idle_seconds=_float(model.idle_timeout_seconds),
            total_seconds=_float(model.total_timeout_seconds),
            retries=model.retries,
        ),
    )


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _key(key: Key, source: _Source, closed: Closed, organisation: str) -> domain.Key:
    secrets = closed.keys.get(key.name)
    if not secrets:
        raise Uncompilable(f"keys/{key.name}: no digest of its secret is stored")
    team, project, user = _owners(key, source)
    levels: list[Level] = [level for level in (team, project, user, key) if level is not None]
    names = [level.name if level else None for level in (team, project, user)]
    return domain.Key(
        name=key.name,
        principal=Principal(organisation, names[0], names[1], names[2], key.name),
        secrets=secrets,
        access=_access(levels),
        expires_at_ns=None if key.expires_at is None else instant_ns(key.expires_at),
        revoked=key.revoked is True,
        networks=tuple(str(ipaddress.ip_network(network)) for network in key.networks or ()),
        acts_for=key.acts_for or (),
        tags=_tags(levels),
        required_tags=_required_tags(levels),
    )


def _owners(key: Key, source: _Source) -> tuple[Team | None, Project | None, User | None]:
    """The levels above the key: its team, project and user, as far as it has them."""
    whose = f"keys/{key.name}"
    project = _need(source.projects, "projects", key.project, whose) if key.project else None
    user = _need(source.users, "users", key.user, whose) if key.user else None
    name = key.team or (project.team if project else None) or (user.team if user else None)
    team = _need(source.teams, "teams", name, whose) if name else None
    return team, project, user


def _need(held: Mapping[str, R], kind: str, name: str, whose: str) -> R:
    found = held.get(name)
    if found is None:
        raise Uncompilable(f"{whose}: there is no {kind}/{name}")
    return found


def _access(levels: list[Level]) -> domain.Access:
    """Deny by default: where no level names a model, nothing passes."""
    models = tuple(level.models for level in levels if level.models is not None)
    surfaces = tuple(level.surfaces for level in levels if level.surfaces is not None)
    return domain.Access(models=models or ((),), surfaces=surfaces)


def _tags(levels: list[Level]) -> tuple[tuple[str, str], ...]:
    """Defaults of every level; the nearest to the key wins."""
    merged: dict[str, str] = {}
    for level in levels:
        merged.update(level.tags or {})
    return tuple(sorted(merged.items()))


def _required_tags(levels: list[Level]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag for level in levels for tag in level.required_tags or ()))
