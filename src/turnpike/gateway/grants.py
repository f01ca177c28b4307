"""Grants: the proof that a call is allowed, remembered with the key that it was made for."""

from __future__ import annotations

from typing import Final

import msgspec

from turnpike.domain.surface import Surface
from turnpike.gateway.catalogue import Route

REMEMBERED_MAX: Final = 4096
"""Decisions kept for one key; names made up by a caller cannot fill the memory."""


class Grant(msgspec.Struct, frozen=True, gc=False):
    """That this key may make this call, and where it goes; only the module `authorize` makes one."""

    surface: Surface
    model: str
    route: Route


class Grants:
    """The decisions taken for one key under one snapshot."""

    __slots__ = ("_remembered",)

    def __init__(self) -> None:
        self._remembered: dict[tuple[str, str], Grant] = {}

    def recall(self, surface: Surface, model: str) -> Grant | None:
        """The grant that was made before for the same question."""
        return self._remembered.get((surface, model))

    def remember(self, grant: Grant) -> None:
        """Keep a grant for the next call like it."""
        if len(self._remembered) < REMEMBERED_MAX:
            self._remembered[grant.surface, grant.model] = grant
