"""How long a use of the database may take, told by control's own clock: a database that hangs tells nothing itself.

PostgreSQL ends a statement that takes too long, and the kernel tells of a peer that is gone. A server that
stands still (a stopped machine, a disk that hangs) does neither: its sockets stay open and say nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from turnpike.domain.errors import StoreUnavailable
from turnpike.ports.clock import SECOND_NS, Clock

SILENT = "the store cannot be used: the database did not answer in time"


class StorePatience:
    """The time that uses of one database have, each in a thread of its own, and whether it has been silent.

    While it is silent, one use at a time finds out whether it still is; all others are refused at once, so
    that they wait neither for it nor for one another.
    """

    def __init__(self, rest_seconds: float, clock: Clock) -> None:
        self._rest_seconds = rest_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._next_try: float | None = None
        self._use = threading.local()

    @contextmanager
    def use(self, seconds: float) -> Iterator[None]:
        """The time of a use; it has so long for its connection. Raises StoreUnavailable at once while silent."""
        self._check_silence(seconds)
        self.allow(seconds)
        self._use.is_silent = False
        try:
            yield
            self._note(None)
        finally:
            self._use.deadline = None
            if self._use.is_silent:
                self._note(self._monotonic() + self._rest_seconds)

    def allow(self, seconds: float) -> None:
        """From now on the use of this thread has so long."""
        self._use.deadline = self._monotonic() + seconds

    def left(self) -> float | None:
        """Seconds that the use of this thread still has; None outside one."""
        deadline = getattr(self._use, "deadline", None)
        return None if deadline is None else float(deadline - self._monotonic())

    def gave_up(self) -> None:
        """The use of this thread ends because the database is silent."""
        self._use.is_silent = True

    def _check_silence(self, seconds: float) -> None:
        with self._lock:
            if self._next_try is None:
                return
            if self._monotonic() < self._next_try:
                raise StoreUnavailable(SILENT)
            # This use tries, and the next one may when it must have ended.
            self._next_try = self._monotonic() + seconds + self._rest_seconds

    def _monotonic(self) -> float:
        return self._clock.monotonic_ns() / SECOND_NS

    def _note(self, next_try: float | None) -> None:
        with self._lock:
            self._next_try = next_try


def make_impatient(connection: Any, patience: StorePatience) -> None:
    """Let no wait of a psycopg connection outlast the use that it is part of; one that would closes it."""
    # psycopg waits for the server in this one method, in steps of a tenth of a second.
    connection.wait = partial(_wait, connection, connection.wait, patience)


def _wait(
    connection: Any, wait: Callable[..., Any], patience: StorePatience, waiting: Any, **how: Any
) -> Any:
    return wait(_bounded(connection, patience, waiting), **how)


def _bounded(connection: Any, patience: StorePatience, waiting: Any) -> Generator[Any, Any, Any]:
    """`waiting`, which says what it waits for and is told what is ready, as long as there is time."""
    try:
        wanted = next(waiting)
        while True:
            ready = yield wanted
            left = patience.left()
            if not ready and left is not None and left <= 0:
                patience.gave_up()
                # Closed, it is not asked for anything more, and the pool takes it out.
                connection.close()
                raise StoreUnavailable(SILENT)
            wanted = waiting.send(ready)
    except StopIteration as end:
        return end.value
