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

WorkerState = Literal["starting", "ready", "draining"]

Phase = Literal["offer", "publish"]
"""offer: provision it and hold it ready. publish: serve from it; without a body, it is what you hold ready."""


class Report(msgspec.Struct, frozen=True):
    """What a worker says of itself; versions of snapshots are null where there is none.

    running: what it serves from. preparing: what it was offered and still provisions. offered: what
    it holds ready. refused: the last one that it could not provision, and in `fault` why.
    """

    worker: str
    pid: int
    state: WorkerState
    running: str | None = None
    offered: str | None = None
    refused: str | None = None
    fault: str | None = None
    preparing: str | None = None
