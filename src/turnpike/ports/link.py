"""The node link: how gateway workers ask control what to run, and say what they run.

A worker POSTs its `Report` to `LINK_PATH`. The answer is 204 where there is nothing for it, else a
snapshot: `VERSION_HEADER` names it, `PHASE_HEADER` says what to do with it.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

LINK_PATH: Final = "/internal/v1/link"
PHASE_HEADER: Final = "x-turnpike-phase"
VERSION_HEADER: Final = "x-turnpike-snapshot"
SNAPSHOT_TYPE: Final = "application/vnd.turnpike.snapshot"

HOLD_LEAST_SECONDS: Final = 0.25
"""Control holds a question to which it has nothing to say for so long or longer; a 204 that comes sooner says that it
cannot hold it, and that the worker should wait before it asks again."""

WorkerState = Literal["starting", "ready", "draining"]

Phase = Literal["offer", "publish"]
"""offer: provision it and hold it ready. publish: serve from it; without a body, it is what you hold ready."""


class Process(msgspec.Struct, frozen=True):
    """Which process asks.

    worker: host and slot, as people know it. instance: random, so that two processes are never taken
    for one, whatever host and slot they share.
    """

    worker: str
    pid: int
    instance: str


class Report(msgspec.Struct, frozen=True):
    """What a worker says of itself; versions of snapshots are null where there is none.

    worker, pid, instance: as in `Process`. running: what it serves from. published: what it was last
    told to serve from; where that is not what it runs, it provisions it, and tries again where it
    could not. preparing: what it provisions, or will try again. offered: what it holds ready.
    refused: the last one that it could not provision, and in `fault` why.
    """

    worker: str
    pid: int
    state: WorkerState
    running: str | None = None
    offered: str | None = None
    refused: str | None = None
    fault: str | None = None
    preparing: str | None = None
    published: str | None = None
    instance: str = ""
