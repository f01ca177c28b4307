"""From an offset in a text to the line and column that people count."""

from __future__ import annotations

import bisect

from turnpike.control.document.fault import Place


class Lines:
    """The line starts of one text."""

    def __init__(self, text: str) -> None:
        starts = [0]
        position = text.find("\n")
        while position >= 0:
            starts.append(position + 1)
            position = text.find("\n", position + 1)
        self._starts = starts

    def place(self, offset: int) -> Place:
        """Where the character at `offset` stands."""
        line = bisect.bisect_right(self._starts, offset)
        return Place(line, offset - self._starts[line - 1] + 1)
