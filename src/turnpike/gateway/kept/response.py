"""What is remembered of a response that a provider keeps, and who may come back to it."""

from __future__ import annotations

from typing import Final

import msgspec

from turnpike.domain.principal import Principal

_LEVELS: Final = ("user", "project", "team")


class KeptResponse(msgspec.Struct, frozen=True):
    """A response that a provider keeps, or an item of one, and who had it made.

    model: the provider's name for it. asked: the name that the caller asked for.
    """

    provider: str
    model: str
    asked: str
    principal: Principal
    at_ns: int


def may_touch(kept: KeptResponse, principal: Principal) -> bool:
    """Whether a caller may fetch, continue, cancel or delete a kept response.

    Keys of one owner share: of user, project and team, at least one must be known of both, and none
    may differ. Where no level is known of both, it must be the same key in the same place.
    """
    owner = kept.principal
    if owner.organisation != principal.organisation:
        return False
    levels = [(getattr(owner, level), getattr(principal, level)) for level in _LEVELS]
    common = [(left, right) for left, right in levels if left is not None and right is not None]
    if not common:
        same_place = owner.team == principal.team and owner.project == principal.project
        return same_place and owner.key is not None and owner.key == principal.key
    return all(left == right for left, right in common)
