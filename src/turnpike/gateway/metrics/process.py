"""What the kernel knows of this process (Linux, proc(5))."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from turnpike.gateway.metrics.layout import Reading
from turnpike.gateway.metrics.table import OPEN_DESCRIPTORS, RESIDENT_MEMORY, START_TIME

PROC: Final = Path("/proc")
_RESIDENT_FIELD: Final = 1
_START_FIELD: Final = 19
"""Field 22 of /proc/self/stat, counted from behind the name, which may hold spaces."""


class ProcessGauges:
    """Memory, descriptors and start time of this process, under the worker's name."""

    def __init__(self, worker: str) -> None:
        self._labels = (worker,)
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        self._started = Reading(START_TIME.name, self._labels, _start_seconds())

    def read(self) -> tuple[Reading, ...]:
        """The gauges now. Raises OSError, as where no descriptor is free."""
        pages = int((PROC / "self/statm").read_text().split()[_RESIDENT_FIELD])
        return (
            Reading(RESIDENT_MEMORY.name, self._labels, pages * self._page_bytes),
            Reading(OPEN_DESCRIPTORS.name, self._labels, _descriptor_count()),
            self._started,
        )


def _start_seconds() -> float:
    stat = (PROC / "self/stat").read_text()
    ticks = int(stat.rpartition(")")[2].split()[_START_FIELD])
    booted = next(
        int(line.split()[1]) for line in (PROC / "stat").read_text().splitlines() if line.startswith("btime ")
    )
    return booted + ticks / os.sysconf("SC_CLK_TCK")


def _descriptor_count() -> int:
    """Newer kernels give the count as the folder's size; older ones must be made to list them."""
    folder = PROC / "self/fd"
    return folder.stat().st_size or len(list(folder.iterdir())) - 1
