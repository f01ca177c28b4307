"""The files that say which provider keeps a response: written by each worker, read by all.

Each worker appends a line for each response, and for each item of its output, to a file of its own.
Memory holds only where the newest lines are, not what they say.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from threading import Event, Lock

from turnpike.gateway.kept.bounds import BOUNDS, KeptBounds
from turnpike.gateway.kept.index import Index
from turnpike.gateway.kept.line import read_at, start_of
from turnpike.gateway.kept.logs import Log
from turnpike.gateway.kept.response import KeptResponse
from turnpike.gateway.kept.search import search
from turnpike.ports.clock import Clock


class KeptFiles:
    """The kept responses of all workers that share `folder`, by the ids of responses and of items.

    Everything blocks: call it off the event loop. `remember` and `close` are for one thread at a time; `look_up`
    and `search` are for any. Raises OSError where the folder cannot be made or read.
    """

    def __init__(self, folder: Path, slot: int, clock: Clock, bounds: KeptBounds = BOUNDS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._clock = clock
        self._log = Log(folder, slot)
        self._folder = folder
        self._index = Index(folder, bounds)
        self._index_lock = Lock()
        self._closing = Event()
        self._log.open_day(clock.now_ns())

    def remember(self, lines: Collection[bytes]) -> None:
        """Append what `lines_of` gave, in one write; it is with the operating system when this returns.

        Raises OSError where the lines could not be written, ValueError after `close`: nobody can find what has
        their ids through Turnpike then.
        """
        self._log.open_day(self._clock.now_ns())
        if lines:
            self._log.append(b"\n".join(lines))

    def look_up(self, ids: Collection[str]) -> tuple[dict[str, KeptResponse], bool]:
        """What the newest lines say of these ids, and whether there are no others to be searched.

        Raises OSError where the files cannot be read, and where they are gone: what they said is not known then.
        """
        self._log.check()
        starts = {name: start for name in ids if (start := start_of(name)) is not None}
        with self._index_lock:
            if any(self._index.place_of(start) is None for start in starts.values()):
                self._index.catch_up()
            places = {name: self._index.place_of(start) for name, start in starts.items()}
            is_whole = self._index.is_whole
        found = {name: kept for name, place in places.items() if place and (kept := read_at(place, name))}
        return found, is_whole or len(found) == len(ids)

    def search(self, ids: Collection[str]) -> dict[str, KeptResponse]:
        """What any line of the last 30 days says of these ids; ends early at `stop_searching`.

        Raises OSError as `look_up` does.
        """
        self._log.check()
        return search(self._folder, ids, self._closing)

    def stop_searching(self) -> None:
        """End searches under way, and begin none; the one thing here that never blocks."""
        self._closing.set()

    def close(self) -> None:
        """Write no more, and search no further."""
        self.stop_searching()
        self._log.close()
