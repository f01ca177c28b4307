"""Where the gateway's counts go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from turnpike.domain.outcome import Outcome


class Exposition(msgspec.Struct, frozen=True):
    """A page of metrics and its content type."""

    content_type: str
    body: bytes


class Metrics(Protocol):
    """Counts what happens; never blocks, never fails a call."""

    def observe(self, outcome: Outcome) -> None:
        """A call has ended."""

    def name_models(self, label_of: Callable[[str], str]) -> None:
        """From now on a model is counted under `label_of` what was asked for."""

    def expose(self, accept: str) -> Exposition:
        """Everything counted, over all workers, in the form that `accept` prefers; blocks briefly."""
