"""A reader of requests with what came of it."""

from __future__ import annotations

from turnpike.gateway.edge.limits import EdgeLimits
from turnpike.gateway.edge.reader import Incoming, Refusal, RequestReader
from turnpike.ports.http import Request


class StillClock:
    """A clock at which nothing passes, so that equal requests compare as equal."""

    def now_ns(self) -> int:
        return 0

    def monotonic_ns(self) -> int:
        return 0


class Reading:
    """A reader that was fed `pieces`, and its sink."""

    def __init__(self, *pieces: bytes, limits: EdgeLimits | None = None) -> None:
        self.limits = limits or EdgeLimits()
        self.incoming: list[Incoming] = []
        self.refusals: list[Refusal] = []
        self.invited = 0
        self.held = 0
        self.reader = RequestReader(self, self.limits, StillClock())
        self.feed(*pieces)

    def feed(self, *pieces: bytes) -> None:
        for piece in filter(None, pieces):  # A network hands over no empty piece.
            self.reader.feed(piece)

    @property
    def requests(self) -> list[Request]:
        return [incoming.request for incoming in self.incoming]

    @property
    def code(self) -> str | None:
        """The code of the refusal; None where there is none."""
        assert len(self.refusals) <= 1
        return self.refusals[0].error.code if self.refusals else None

    def arrived(self, incoming: Incoming) -> None:
        assert not self.refusals
        self.incoming.append(incoming)

    def refused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    def expects_to_go_on(self) -> None:
        self.invited += 1

    def hold(self, count: int) -> bool:
        self.held += count
        return self.held <= self.limits.buffered_bytes

    def release(self, count: int) -> None:
        self.held -= count
