"""The names that would be right, and the nearest of them to one that is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from turnpike.control.document.fault import shown

NAMES_COMPARED = 200
"""Of the names that would be right, no more than this are compared with a wrong one: those likest by their pieces."""

KNOWN_NAMES_SHOWN = 12
"""Of the names that would be right, a fault lists no more than this."""

_NEAR = 0.6
_PIECE_CHARACTERS = 3


class Names:
    """Names that would be right, made ready once for however many wrong ones."""

    def __init__(self, known: Iterable[str]) -> None:
        self._names = sorted(set(known))
        self._by_piece: dict[str, list[str]] = {}

    def suggestion(self, found: str) -> str:
        """`; did you mean "openai"? (known: local, openai)`, as far as there is something to say."""
        near = difflib.get_close_matches(found, self._likest(found), n=1, cutoff=_NEAR)
        text = f"; did you mean {shown(near[0])}?" if near else ""
        if not self._names:
            return f"{text} (there are none)"
        rest = len(self._names) - KNOWN_NAMES_SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        return f"{text} (known: {', '.join(self._names[:KNOWN_NAMES_SHOWN])}{more})"

    def _likest(self, found: str) -> list[str]:
        """All names where they are few, else those that share a piece with what was found, the rarest piece first."""
        if len(self._names) <= NAMES_COMPARED:
            return self._names
        if not self._by_piece:
            for name in self._names:
                for piece in _pieces(name):
                    self._by_piece.setdefault(piece, []).append(name)
        shared = sorted((self._by_piece.get(piece, []) for piece in _pieces(found)), key=len)
        likest: dict[str, None] = {}
        for names in shared:
            likest.update(dict.fromkeys(names[:NAMES_COMPARED]))
            if len(likest) >= NAMES_COMPARED:
                break
        return list(likest)[:NAMES_COMPARED]


def suggestion(found: str, known: Iterable[str]) -> str:
    """What `Names` says of one wrong name."""
    return Names(known).suggestion(found)


def _pieces(name: str) -> set[str]:
    """Every run of three characters, the name's beginning and end among them."""
    framed = f"\0{name}\0"
    return {framed[i : i + _PIECE_CHARACTERS] for i in range(len(framed) - _PIECE_CHARACTERS + 1)}
