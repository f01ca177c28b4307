"""Where the gateway's counts go."""

from __future__ import annotations

from typing import Protocol

from turnpike.domain.outcome import Outcome


class Metrics(Protocol):
    """Counts what happens; never blocks, never fails a call."""

    def observe(self, outcome: Outcome) -> None:
        """A call has ended."""

    def render(self) -> bytes:
        """Everything counted, over all workers, in Prometheus's text form."""
