"""Fuzzes the edge's reader: fed whole or cut, the same requests come out, and the counting is even."""

from __future__ import annotations

import atheris

from tests.fuzz.cuts import cut
from tests.fuzz.launch import start

with atheris.instrument_imports(include=["turnpike"]):
    from turnpike.domain.errors import InternalError, InvalidRequest, PayloadTooLarge
    from turnpike.gateway.edge.limits import EdgeLimits
    from turnpike.gateway.edge.reader import Incoming, Refusal, RequestReader
    from turnpike.gateway.edge.unpack import unpack

LIMITS = EdgeLimits(head_bytes=1024, header_count=16, body_bytes=512, buffered_bytes=1024)


class StillClock:
    """A clock at which nothing passes, so that equal requests compare as equal."""

    def now_ns(self) -> int:
        return 0

    def monotonic_ns(self) -> int:
        return 0


class Reading:
    """What came of an input."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.incoming: list[Incoming] = []
        self.refusals: list[Refusal] = []
        self.held = 0
        self.reader = RequestReader(self, LIMITS, StillClock())
        for piece in pieces:
            self.reader.feed(piece)
        self.reader.close()

    def arrived(self, incoming: Incoming) -> None:
        assert not self.refusals, "a request came after a refusal"
        self.incoming.append(incoming)

    def refused(self, refusal: Refusal) -> None:
        assert not self.refusals, "refused twice"
        assert not isinstance(refusal.error, InternalError)
        self.refusals.append(refusal)

    def expects_to_go_on(self) -> None:
        pass

    def hold(self, count: int) -> bool:
        self.held += count
        return self.held <= LIMITS.buffered_bytes

    def release(self, count: int) -> None:
        self.held -= count


def read_one_input(data: bytes) -> None:
    if not data:
        return
    seed, data = data[0], data[1:]
    whole, pieces = Reading([data] if data else []), Reading(cut(data, seed))
    for reading in (whole, pieces):
        assert reading.held == sum(len(incoming.request.body) for incoming in reading.incoming)
    same = min(len(whole.incoming), len(pieces.incoming))
    assert whole.incoming[:same] == pieces.incoming[:same], "the cuts changed a request"
    if not (whole.refusals or pieces.refusals):
        assert len(whole.incoming) == len(pieces.incoming), "the cuts lost a request"
    for incoming in whole.incoming:
        unpack_all_ways(incoming.request.body)


def unpack_all_ways(body: bytes) -> None:
    for encoding in (b"gzip", b"zstd"):
        try:
            assert len(unpack(body, encoding, LIMITS)) <= LIMITS.body_bytes
        except (InvalidRequest, PayloadTooLarge):
            continue


if __name__ == "__main__":
    start(read_one_input)
