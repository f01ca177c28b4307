"""What the control plane works with: its ports, and the facts that stay the same while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from turnpike.domain.provider import ProviderKind
from turnpike.ports.clock import Clock
from turnpike.ports.randomness import Randomness
from turnpike.ports.sealing import Seal
from turnpike.ports.store import Store


def leads_nowhere_back(url: str) -> bool:
    """Of a control that knows no gateway's address: no URL is known to be its gateway's own."""
    return False


class Plane(msgspec.Struct, frozen=True):
    """The ports of control, the kinds of provider there are, and the organisation's name.

    leads_back: whether a provider's URL is known to be this installation's own gateway.
    """

    store: Store
    seal: Seal
    clock: Clock
    randomness: Randomness
    providers: Mapping[str, ProviderKind]
    organisation: str = "default"
    leads_back: Callable[[str], bool] = leads_nowhere_back
