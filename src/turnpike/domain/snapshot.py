"""The whole compiled configuration as one immutable value: what control and gateway agree on."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from turnpike.domain.principal import Principal

FORMAT = 1
"""Raised when a worker of an older release could not read what a newer control publishes."""


class TimeLimits(msgspec.Struct, frozen=True, gc=False):
    """How long each part of an upstream call may take, in seconds.

    `first_byte` runs from when an attempt's request begins to be sent to the answer's head, `idle`
    between two reads of an answer, `total` from the first attempt to the answer's end.
    """

    connect_seconds: float = 5.0
    first_byte_seconds: float = 120.0
    idle_seconds: float = 60.0
    total_seconds: float = 600.0


class Tls(msgspec.Struct, frozen=True, gc=False):
    """What a provider's TLS needs beyond the system's trusted authorities (paths of PEM files)."""

    ca_file: str | None = None
    client_certificate: str | None = None


class Provider(msgspec.Struct, frozen=True):
    """One configured provider. What is `bytes` is sealed under the purpose "credential".

    sealed_headers: headers whose values are secrets, besides `headers`.
    sealed_proxy: the proxy's URL where it holds a secret; `proxy` is None then.
    """

    name: str
    kind: str
    base_url: str
    credentials: tuple[bytes, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    limits: TimeLimits = TimeLimits()
    retries: int = 2
    tls: Tls | None = None
    proxy: str | None = None
    sealed_headers: tuple[tuple[str, bytes], ...] = ()
    sealed_proxy: bytes | None = None
    region: str | None = None


def opened(provider: Provider, open_: Callable[[bytes], str]) -> Provider:
    """The provider with its secret headers and its secret proxy among the plain ones: for use, never kept."""
    secret = tuple((name, open_(sealed)) for name, sealed in provider.sealed_headers)
    proxy = provider.proxy if provider.sealed_proxy is None else open_(provider.sealed_proxy)
    return msgspec.structs.replace(provider, headers=(*provider.headers, *secret), proxy=proxy)


class Target(msgspec.Struct, frozen=True, gc=False):
    """A model at a provider; a star in `model` is what the star of the asked name stood for."""

    provider: str
    model: str


class LimitOverrides(msgspec.Struct, frozen=True, gc=False):
    """What a model says of time limits and retries in its providers' stead; None leaves theirs."""

    connect_seconds: float | None = None
    first_byte_seconds: float | None = None
    idle_seconds: float | None = None
    total_seconds: float | None = None
    retries: int | None = None


class Model(msgspec.Struct, frozen=True):
    """A name (or pattern) that callers may ask for, and where its calls go, first target first."""

    name: str
    targets: tuple[Target, ...]
    overrides: LimitOverrides = LimitOverrides()


class Access(msgspec.Struct, frozen=True):
    """What a caller may use: a name passes when every level has a pattern that means it.

    Levels are those that say something, from the team down to the key; control compiles a caller
    for whom no level names a model to `models=((),)`, which nothing passes.
    """

    models: tuple[tuple[str, ...], ...] = ((),)
    surfaces: tuple[tuple[str, ...], ...] = ()


class Secret(msgspec.Struct, frozen=True):
    """One secret of a key: its digest under the "key" purpose; during a rotation there are two."""

    digest: bytes
    expires_at_ns: int | None = None


class Key(msgspec.Struct, frozen=True):
    """One key that opens the gateway, with everything that its owners' levels add up to.

    acts_for: patterns of end users whom the key may name in `x-turnpike-user`.
    networks: CIDR ranges that calls may come from; empty means anywhere.
    """

    name: str
    principal: Principal
    secrets: tuple[Secret, ...]
    access: Access
    expires_at_ns: int | None = None
    revoked: bool = False
    networks: tuple[str, ...] = ()
    acts_for: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    required_tags: tuple[str, ...] = ()


class Snapshot(msgspec.Struct, frozen=True):
    """Everything a gateway needs to serve. `serial` grows by one with each publication."""

    version: str
    serial: int
    created_at_ns: int
    organisation: str
    providers: tuple[Provider, ...] = ()
    models: tuple[Model, ...] = ()
    keys: tuple[Key, ...] = ()
    format: int = FORMAT


def overridden(limits: TimeLimits, overrides: LimitOverrides) -> TimeLimits:
    """A provider's time limits with what a model says in their stead."""

    def either(override: float | None, own: float) -> float:
        return own if override is None else override

    return TimeLimits(
        either(overrides.connect_seconds, limits.connect_seconds),
        either(overrides.first_byte_seconds, limits.first_byte_seconds),
        either(overrides.idle_seconds, limits.idle_seconds),
        either(overrides.total_seconds, limits.total_seconds),
    )


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Snapshot)


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """The snapshot's bytes, for the wire and the disk; nothing in them is a secret in the clear."""
    return _encoder.encode(snapshot)


def decode_snapshot(data: bytes) -> Snapshot:
    """The snapshot back from its bytes.

    Raises ValueError where they are damaged or of a format that this release does not read.
    """
    try:
        snapshot = _decoder.decode(data)
    except msgspec.DecodeError as fault:
        raise ValueError(f"not a snapshot: {fault}") from fault
    if snapshot.format != FORMAT:
        raise ValueError(f"snapshot format {snapshot.format} is not {FORMAT}, the one this release reads")
    return snapshot
