"""Who calls."""

from __future__ import annotations

import msgspec


class Principal(msgspec.Struct, frozen=True, gc=False):
    """The caller's place in the organisation; None where a level does not apply."""

    organisation: str
    team: str | None = None
    project: str | None = None
    user: str | None = None
    key: str | None = None
