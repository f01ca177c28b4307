"""How much of control one caller may have in hand at once, so that nobody needs to wait for anybody else's flood."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

from turnpike.domain.errors import Overloaded

REQUESTS_AT_ONCE: Final = 32
"""Of one caller, from its head to the answer's end; a body that has not come whole counts."""

DOCUMENTS_AT_ONCE: Final = 4
"""Of those, documents to plan or to apply: each may be of megabytes, and they are read one after another."""


class Shares:
    """What each caller has under way; in this process's memory, on its event loop."""

    def __init__(self, each: int, what: str) -> None:
        self._each = each
        self._what = what
        self._taken: Counter[str] = Counter()

    @contextlib.contextmanager
    def taken(self, caller: str) -> Iterator[None]:
        """One more for as long as the context lasts. Raises Overloaded where the caller has its share already."""
        if self._taken[caller] >= self._each:
            raise Overloaded(
                f"{self._each} {self._what} of {caller} are under way already, as many as one caller may have at once:"
                " wait for some of them, then try again"
            )
        self._taken[caller] += 1
        try:
            yield
        finally:
            self._taken[caller] -= 1
            if not self._taken[caller]:
                del self._taken[caller]
