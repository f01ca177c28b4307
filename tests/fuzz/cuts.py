"""Cutting an input into pieces, as a network might."""

from __future__ import annotations

import random


def cut(data: bytes, seed: int) -> list[bytes]:
    """`data` in pieces of 1 to 2**n bytes; the same seed cuts at the same places."""
    dice = random.Random(seed)
    longest = 1 << dice.randrange(9)
    pieces, at = [], 0
    while at < len(data):
        size = dice.randint(1, longest)
        pieces.append(data[at : at + size])
        at += size
    return pieces
