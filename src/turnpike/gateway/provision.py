"""From a snapshot to something that serves: built whole beside the running one, then swapped in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import msgspec

from turnpike import __version__
from turnpike.domain.provider import ProviderKind
from turnpike.domain.snapshot import Provider, Snapshot, Tls, opened
from turnpike.gateway.catalogue import Catalogue
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.headers import NOT_UPSTREAM, Sieve
from turnpike.gateway.hop_marks import Marks, hop_mark, hop_marks
from turnpike.gateway.identities import Identities
from turnpike.gateway.uplink import Uplink
from turnpike.gateway.upstream.dial import Dialler, proxy_authorization
from turnpike.gateway.upstream.origin import Origin, Proxy, read_origin, read_proxy
from turnpike.gateway.upstream.pool import Pool
from turnpike.gateway.upstream.resolver import Resolver
from turnpike.gateway.upstream.trust import Material, Trust, TrustStore
from turnpike.ports.sealing import CREDENTIAL_PURPOSE, Seal

_LISTING_LINES: Final = (("accept", "application/json"), ("user-agent", f"turnpike/{__version__}"))


class Unprovisionable(Exception):
    """A snapshot that this worker cannot serve; the message says which part and why."""


class UnusableTls(Unprovisionable):
    """A file of a provider's TLS that cannot be read or used."""


class Approach(msgspec.Struct, frozen=True):
    """What connections to a provider are opened by: as long as it stays, they stay.

    material: what its TLS is made of; None where it is reached without.
    """

    base_url: str
    proxy: str | None
    sealed_proxy: bytes | None
    material: Material | None


class Serving(msgspec.Struct, frozen=True):
    """A snapshot, ready: who may call, what they may ask for, and the ways to it.

    marks: of the calls that come back from a provider.
    """

    snapshot: Snapshot
    identities: Identities
    catalogue: Catalogue
    pools: Mapping[str, Pool]
    approaches: Mapping[str, Approach] = {}
    marks: Marks = {}


class Provisioner:
    """Makes `Serving` values; unchanged providers keep their connections from one to the next."""

    def __init__(self, kinds: Mapping[str, ProviderKind], seal: Seal, deadlines: Deadlines) -> None:
        self._kinds = kinds
        self._seal = seal
        self._deadlines = deadlines
        self._trusts = TrustStore()
        self._resolver = Resolver(asyncio.get_running_loop().time)

    async def provision(self, snapshot: Snapshot, current: Serving | None) -> Serving:
        """The snapshot, ready to serve. Raises Unprovisionable; nothing is half done then.

        Files of TLS are read beside the event loop, so that calls go on meanwhile.
        """
        uplinks: dict[str, Uplink] = {}
        pools: dict[str, Pool] = {}
        approaches: dict[str, Approach] = {}
        marks = hop_marks(snapshot.providers, self._seal)
        trusts = await self._trusts_of(snapshot.providers)
        for provider in snapshot.providers:
            name, trust = provider.name, trusts.get(provider.name)
            plain = opened(provider, partial(self._open, provider))
            approaches[name] = _approach(provider, trust)
            pools[name] = _kept_pool(name, approaches[name], current) or self._new_pool(plain, trust)
            uplinks[name] = self._uplink(plain, pools[name], marks)
        try:
            catalogue = Catalogue(snapshot.models, uplinks)
        except KeyError as unknown:
            raise Unprovisionable(f"no provider {unknown} is among those published") from unknown
        return Serving(snapshot, Identities(snapshot.keys, self._seal), catalogue, pools, approaches, marks)

    @asynccontextmanager
    async def way_to(self, provider: Provider) -> AsyncIterator[Uplink]:
        """The way to one provider by itself, on connections of its own. Raises Unprovisionable."""
        trusts = await self._trusts_of((provider,))
        plain = opened(provider, partial(self._open, provider))
        pool = self._new_pool(plain, trusts.get(provider.name))
        try:
            yield self._uplink(plain, pool, hop_marks((provider,), self._seal))
        finally:
            pool.close()

    def retire(self, old: Serving, new: Serving) -> None:
        """Close what `old` had and `new` has not; calls in flight go on to their end."""
        for name, pool in old.pools.items():
            if new.pools.get(name) is not pool:
                pool.close()
        self._trusts.keep_only({made.material for made in new.approaches.values() if made.material})

    async def _trusts_of(self, providers: tuple[Provider, ...]) -> dict[str, Trust]:
        """The TLS of each provider that is reached by it; files that several name are read once."""
        made: dict[Tls | None, Trust] = {}
        trusts: dict[str, Trust] = {}
        for provider in providers:
            if not _origin(provider).secure:
                continue
            if provider.tls not in made:
                made[provider.tls] = await self._trust(provider)
            trusts[provider.name] = made[provider.tls]
        return trusts

    async def _trust(self, provider: Provider) -> Trust:
        try:
            return await self._trusts.trust(provider.tls)
        except OSError as fault:
            where = f"{fault.filename}: " if fault.filename else ""
            raise UnusableTls(f"provider {provider.name!r}: {where}{fault.strerror}") from fault

    def _new_pool(self, provider: Provider, trust: Trust | None) -> Pool:
        try:
            proxy = read_proxy(provider.proxy) if provider.proxy else None
        except ValueError as fault:
            raise Unprovisionable(f"provider {provider.name!r}: {fault}") from fault
        context = trust.context if trust is not None else None
        return Pool(Dialler(_origin(provider), context, proxy, self._resolver), self._deadlines)

    def _uplink(self, provider: Provider, pool: Pool, marks: Marks) -> Uplink:
        kind = self._kinds.get(provider.kind)
        if kind is None:
            raise Unprovisionable(f"provider {provider.name!r}: this release knows no kind {provider.kind!r}")
        origin = _origin(provider)
        plain_proxy = read_proxy(provider.proxy) if provider.proxy and not origin.secure else None
        prefix = f"http://{origin.authority}" if plain_proxy else ""
        mark = () if _is_vendors(origin, kind) else ((hop_mark(provider.base_url, self._seal), "1"),)
        credentials = [self._open(provider, sealed) for sealed in provider.credentials]
        heads = [
            _fixed_head(origin, plain_proxy, provider, (*kind.credentialed(credential), *mark))
            for credential in credentials
        ] or [_fixed_head(origin, plain_proxy, provider, mark)]
        names = {"host", *(name.lower() for name, _ in provider.headers)}
        names.update(name for credential in credentials for name, _ in kind.credentialed(credential))
        return Uplink(
            provider=provider.name,
            region=provider.region,
            channel=pool,
            paths={surface: f"{prefix}{origin.path}{path}".encode() for surface, path in kind.paths.items()},
            fixed_heads=tuple(heads),
            sieve=Sieve(NOT_UPSTREAM.union(name.encode() for name in names), marks),
            limits=provider.limits,
            retries=provider.retries,
            has_credential=bool(credentials),
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


def _origin(provider: Provider) -> Origin:
    try:
        return read_origin(provider.base_url)
    except ValueError as fault:
        raise Unprovisionable(f"provider {provider.name!r}: {fault}") from fault


def _is_vendors(origin: Origin, kind: ProviderKind) -> bool:
    """Whether it is the vendor's own public address, which leads nowhere else and is told nothing of ours."""
    return kind.base_url is not None and read_origin(kind.base_url).host == origin.host


def _approach(provider: Provider, trust: Trust | None) -> Approach:
    material = trust.material if trust is not None else None
    return Approach(provider.base_url, provider.proxy, provider.sealed_proxy, material)


def _kept_pool(name: str, approach: Approach, current: Serving | None) -> Pool | None:
    """The connections of a provider that is reached as before."""
    if current is None or current.approaches.get(name) != approach:
        return None
    return current.pools[name]


def _fixed_head(
    origin: Origin, proxy: Proxy | None, provider: Provider, lines_of_ours: tuple[tuple[str, str], ...]
) -> bytes:
    lines = [f"host: {origin.authority}\r\n", proxy_authorization(proxy)]
    lines += [f"{name}: {value}\r\n" for name, value in (*lines_of_ours, *provider.headers)]
    lines.append("accept-encoding: identity\r\n")
    return "".join(lines).encode("latin-1")


def _models_head(address: str, kind: ProviderKind, fixed_head: bytes) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in (*_LISTING_LINES, *kind.models_headers))
    return f"GET {address}{kind.models_path} HTTP/1.1\r\n".encode() + fixed_head + lines.encode()
