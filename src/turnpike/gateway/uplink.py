"""One provider as the pipeline sees it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from turnpike.domain.snapshot import TimeLimits
from turnpike.domain.surface import Surface
from turnpike.gateway.headers import Sieve
from turnpike.ports.upstream import Channel


class Uplink(msgspec.Struct, frozen=True):
    """What a call to a provider needs, rendered once.

    paths: the request target for each surface. models_head: the request for its list of models. fixed_heads: host, credential and
    the provider's own headers, one for each credential. sieve: which of the caller's headers travel to it. has_credential: whether one is configured.
    """

    provider: str
    region: str | None
    channel: Channel
    paths: Mapping[Surface, bytes]
    fixed_heads: tuple[bytes, ...]
    sieve: Sieve
    limits: TimeLimits
    retries: int
    models_head: bytes
    has_credential: bool = True
