"""From a snapshot to something that serves: built whole beside the running one, then swapped in."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec

from turnpike import __version__
from turnpike.domain.provider import ProviderKind
from turnpike.domain.snapshot import Provider, Snapshot, Tls, opened
from turnpike.gateway.catalogue import Catalogue
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.headers import NOT_UPSTREAM
from turnpike.gateway.identities import Identities
from turnpike.gateway.uplink import Uplink
from turnpike.gateway.upstream.dial import Dialler, proxy_authorization
from turnpike.gateway.upstream.origin import Origin, Proxy, read_origin, read_proxy, tls_context
from turnpike.gateway.upstream.pool import Pool
from turnpike.gateway.upstream.resolver import Resolver
from turnpike.ports.sealing import Seal

CREDENTIAL_PURPOSE: Final = "credential"


_LISTING_LINES: Final = (("accept", "application/json"), ("user-agent", f"turnpike/{__version__}"))


class Unprovisionable(Exception):
    """A snapshot that this worker cannot serve; the message says which part and why."""


class Serving(msgspec.Struct, frozen=True):
    """A snapshot, ready: who may call, what they may ask for, and the ways to it."""

    snapshot: Snapshot
    identities: Identities
    catalogue: Catalogue
    pools: Mapping[str, Pool]


class Provisioner:
    """Makes `Serving` values; unchanged providers keep their connections from one to the next."""

    def __init__(self, kinds: Mapping[str, ProviderKind], seal: Seal, deadlines: Deadlines) -> None:
        self._kinds = kinds
        self._seal = seal
        self._deadlines = deadlines
        self._plain_tls: ssl.SSLContext | None = None
        self._resolver = Resolver(asyncio.get_running_loop().time)

    def provision(self, snapshot: Snapshot, current: Serving | None) -> Serving:
        """The snapshot, ready to serve. Raises Unprovisionable; nothing is half done then."""
        uplinks: dict[str, Uplink] = {}
        pools: dict[str, Pool] = {}
        try:
            for provider in snapshot.providers:
                plain = opened(provider, partial(self._open, provider))
                pool = _kept_pool(provider, current) or self._new_pool(plain)
                pools[provider.name] = pool
                uplinks[provider.name] = self._uplink(plain, pool)
            catalogue = Catalogue(snapshot.models, uplinks)
        except KeyError as unknown:
            raise Unprovisionable(f"no provider {unknown} is among those published") from unknown
        return Serving(snapshot, Identities(snapshot.keys, self._seal), catalogue, pools)

    def retire(self, old: Serving, new: Serving) -> None:
        """Close what `old` had and `new` has not; calls in flight go on to their end."""
        for name, pool in old.pools.items():
            if new.pools.get(name) is not pool:
                pool.close()

    def _new_pool(self, provider: Provider) -> Pool:
        try:
            origin = read_origin(provider.base_url)
            proxy = read_proxy(provider.proxy) if provider.proxy else None
            context = self._tls(provider.tls) if origin.secure else None
        except ValueError as fault:
            raise Unprovisionable(f"provider {provider.name!r}: {fault}") from fault
        except OSError as fault:
            raise Unprovisionable(_tls_fault(provider, fault)) from fault
        return Pool(Dialler(origin, context, proxy, self._resolver), self._deadlines)

    def _tls(self, tls: Tls | None) -> ssl.SSLContext:
        """The context for a provider: reading the system's authorities takes some 20 ms, so once."""
        if tls is not None:
            return tls_context(tls)
        if self._plain_tls is None:
            self._plain_tls = tls_context(None)
        return self._plain_tls

    def _uplink(self, provider: Provider, pool: Pool) -> Uplink:
        kind = self._kinds.get(provider.kind)
        if kind is None:
            raise Unprovisionable(f"provider {provider.name!r}: this release knows no kind {provider.kind!r}")
        origin = read_origin(provider.base_url)
        plain_proxy = read_proxy(provider.proxy) if provider.proxy and not origin.secure else None
        prefix = f"http://{origin.authority}" if plain_proxy else ""
        credentials = [self._open(provider, sealed) for sealed in provider.credentials]
        heads = [
            _fixed_head(origin, plain_proxy, provider, kind.credentialed(credential))
            for credential in credentials
        ] or [_fixed_head(origin, plain_proxy, provider, ())]
        names = {"host", *(name.lower() for name, _ in provider.headers)}
        names.update(name for credential in credentials for name, _ in kind.credentialed(credential))
        return Uplink(
            provider=provider.name,
            region=provider.region,
            channel=pool,
            paths={surface: f"{prefix}{origin.path}{path}".encode() for surface, path in kind.paths.items()},
            fixed_heads=tuple(heads),
            dropped_names=NOT_UPSTREAM.union(name.encode() for name in names),
            limits=provider.limits,
            retries=provider.retries,
            models_head=_models_head(f"{prefix}{origin.path}", kind, heads[0]),
        )

    def _open(self, provider: Provider, sealed: bytes) -> str:
        try:
            secret = self._seal.open(sealed, CREDENTIAL_PURPOSE).decode()
        except ValueError as fault:
            raise Unprovisionable(
                f"provider {provider.name!r}: its secrets were sealed under another master key"
            ) from fault
        if not (secret.isascii() and secret.isprintable()):
            raise Unprovisionable(
                f"provider {provider.name!r}: a secret of it holds a character that no header can carry"
            )
        return secret


def _kept_pool(provider: Provider, current: Serving | None) -> Pool | None:
    """The connections of a provider whose address has not changed."""
    if current is None:
        return None
    for old in current.snapshot.providers:
        if old.name == provider.name and _way(old) == _way(provider) and old.tls is None:
            return current.pools[old.name]
    return None


def _way(provider: Provider) -> tuple[str, str | None, bytes | None, Tls | None]:
    return provider.base_url, provider.proxy, provider.sealed_proxy, provider.tls


def _fixed_head(
    origin: Origin, proxy: Proxy | None, provider: Provider, credential: tuple[tuple[str, str], ...]
) -> bytes:
    lines = [f"host: {origin.authority}\r\n", proxy_authorization(proxy)]
    lines += [f"{name}: {value}\r\n" for name, value in (*credential, *provider.headers)]
    lines.append("accept-encoding: identity\r\n")
    return "".join(lines).encode("latin-1")


def _models_head(address: str, kind: ProviderKind, fixed_head: bytes) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in (*_LISTING_LINES, *kind.models_headers))
    return f"GET {address}{kind.models_path} HTTP/1.1\r\n".encode() + fixed_head + lines.encode()


def _tls_fault(provider: Provider, fault: OSError) -> str:
    tls = provider.tls or Tls()
    files = " and ".join(file for file in (tls.ca_file, tls.client_certificate) if file)
    reason = "not a PEM file of certificates" if isinstance(fault, ssl.SSLError) else fault.strerror
    return f"provider {provider.name!r}: {files}: {reason}"
