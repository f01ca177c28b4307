"""Which provider keeps a response, and for whom: known to every worker, also after a `kill -9`.

A caller of OpenAI's Responses API comes back with a response's id: to fetch, cancel or delete it, or to
go on from it or from one of its items, on any worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from turnpike.domain.errors import Overloaded
from turnpike.domain.principal import Principal
from turnpike.gateway.kept_files import BOUNDS, IndexBounds, Kept, KeptFiles
from turnpike.ports.clock import Clock

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
        self._loop = asyncio.get_running_loop()
        self._looking = ThreadPoolExecutor(1, "kept-look-up")
        self._searching = ThreadPoolExecutor(1, "kept-search")
        self._searches = 0
        self._searches_max = bounds.searches_max

    def remember(self, ids: Collection[str], kept: Kept) -> None:
        """Note who keeps what has these ids, by one short write. Raises ValueError or OSError, see KeptFiles."""
        self._files.remember(ids, kept)

    async def find(self, ids: Collection[str]) -> dict[str, Kept]:
        """What is known of each; what is not there was not noted in the last 30 days.

        Raises Overloaded where too many searches wait already.
        """
        found, is_all = await self._loop.run_in_executor(self._looking, self._files.look_up, ids)
        if is_all:
            return found
        if self._searches >= self._searches_max:
            raise Overloaded("As many searches for older response ids wait here as may; try again.")
        self._searches += 1
        try:
            rest = [name for name in ids if name not in found]
            return found | await self._loop.run_in_executor(self._searching, self._files.search, rest)
        finally:
            self._searches -= 1

    def close(self) -> None:
        """Note and find nothing more; a search under way ends soon."""
        self._files.close()
        for executor in (self._looking, self._searching):
            executor.shutdown(wait=False, cancel_futures=True)
