"""One provider as the pipeline sees it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from turnpike.domain.snapshot import TimeLimits
from turnpike.domain.surface import Surface
from turnpike.ports.upstream import Channel


class Uplink(msgspec.Struct, frozen=True):
    """What a call to a provider needs, rendered once.

    paths: the request target for each surface. fixed_heads: host, credential and
    the provider's own headers, one for each credential. fixed_names: the names in it, which a caller's headers do not override.
    """

    provider: str
    region: str | None
    channel: Channel
    paths: Mapping[Surface, bytes]
    fixed_heads: tuple[bytes, ...]
    fixed_names: frozenset[bytes]
    limits: TimeLimits
    retries: int
