"""What the control plane works with: its ports, and the facts that stay the same while it runs."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from turnpike.domain.provider import ProviderKind
from turnpike.ports.clock import Clock
from turnpike.ports.randomness import Randomness
from turnpike.ports.sealing import Seal
from turnpike.ports.store import Store


class Plane(msgspec.Struct, frozen=True):
    """The ports of control, the kinds of provider there are, and the organisation's name."""

    store: Store
    seal: Seal
    clock: Clock
    randomness: Randomness
    providers: Mapping[str, ProviderKind]
    organisation: str = "default"
