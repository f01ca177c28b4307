"""Marks that tell a gateway its own calls again, where a provider's address leads back to it.

The name of a mark's header is the mark: marks of several gateways travel side by side, none in another's place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from turnpike.domain.errors import CallInCircle
from turnpike.domain.snapshot import Provider
from turnpike.ports.sealing import HOP_PURPOSE, Seal

MARK_PREFIX: Final = "x-hop-"
MARK_DIGITS: Final = 16

Marks = Mapping[bytes, str]
"""The providers of one configuration, by the header's name that goes to each."""


def hop_mark(base_url: str, seal: Seal) -> str:
    """The name of the header that goes to this address, and that only gateways of the same master key know."""
    return MARK_PREFIX + seal.digest(base_url.encode(), HOP_PURPOSE).hex()[:MARK_DIGITS]


def hop_marks(providers: Iterable[Provider], seal: Seal) -> Marks:
    """What a call carries that has been here before."""
    return {hop_mark(provider.base_url, seal).encode(): provider.name for provider in providers}


def check_hops(headers: dict[bytes, bytes], marks: Marks) -> None:
    """Raises CallInCircle where a request carries a mark of ours."""
    for name in marks.keys() & headers.keys():
        raise in_circle(marks[name])


def in_circle(provider: str) -> CallInCircle:
    """The error of a call that came back from a provider."""
    return CallInCircle(
        f"This call runs in a circle: it went to the provider {provider} and came back, since that provider's "
        "`base_url` leads to this gateway again. Whoever runs the gateway must mend the `base_url`."
    )
