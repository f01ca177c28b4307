"""Which provider keeps a response, and for whom: known to every worker, also after a `kill -9`.

A caller of OpenAI's Responses API comes back with a response's id: to fetch, cancel or delete it, or to
go on from it or from one of its items, on any worker.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

import structlog

from turnpike.domain.errors import Overloaded
from turnpike.domain.principal import Principal
from turnpike.gateway.disk import DiskThreads, within
from turnpike.gateway.kept_files import BOUNDS, IndexBounds, Kept, KeptFiles
from turnpike.ports.clock import Clock

CLOSE_SECONDS: Final = 1.0
_LEVELS: Final = ("user", "project", "team")


def may_touch(kept: Kept, principal: Principal) -> bool:
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


class KeptResponses:
    """The kept responses of all workers that share `folder`; make it inside a running loop.

    Files are read in two threads of its own: one looks at the newest lines, which is soon done; the other
    searches all files, one search after the other. Neither keeps metrics or idempotency keys waiting.
    Raises OSError where the folder cannot be made or read.
    """

    def __init__(self, folder: Path, slot: int, clock: Clock, bounds: IndexBounds = BOUNDS) -> None:
        self._files = KeptFiles(folder, slot, clock, bounds)
        self._bounds = bounds
        self._looking = DiskThreads("kept-look-up", 1, bounds.looks_max)
        self._searching = DiskThreads("kept-search", 1, bounds.searches_max)

    def remember(self, ids: Collection[str], kept: Kept) -> None:
        """Note who keeps what has these ids, by one short write. Raises ValueError or OSError, see KeptFiles."""
        self._files.remember(ids, kept)

    async def find(self, ids: Collection[str]) -> dict[str, Kept]:
        """What is known of each; what is not there was not noted in the last 30 days.

        Raises Overloaded where too much waits for the files already, and where they cannot be read, or not
        in time: nothing is said of whose a response is then.
        """
        try:
            return await self._find(ids)
        except TimeoutError as fault:
            raise _unreadable("the disk did not answer in time") from fault
        except OSError as fault:
            structlog.get_logger().error("responses.not_read", reason=str(fault))
            raise _unreadable(fault.strerror or str(fault)) from fault

    async def _find(self, ids: Collection[str]) -> dict[str, Kept]:
        if self._looking.is_full:
            raise Overloaded("As many questions for response ids wait here as may; try again.")
        looking = self._looking.begin(self._files.look_up, ids)
        found, is_all = await within(self._bounds.look_seconds, looking)
        if is_all:
            return found
        if self._searching.is_full:
            raise Overloaded("As many searches for older response ids wait here as may; try again.")
        searching = self._searching.begin(self._files.search, [name for name in ids if name not in found])
        return found | await within(self._bounds.search_seconds, searching)

    async def close(self) -> None:
        """Note and find nothing more; a search under way ends soon."""
        self._files.close()
        for threads in (self._looking, self._searching):
            await threads.close(CLOSE_SECONDS)


def _unreadable(reason: str) -> Overloaded:
    return Overloaded(
        f"The gateway cannot look up whose this response is ({reason}): nothing was sent. Try again later."
    )
