"""The machine's start, as the kernel tells it (random(4), clock_gettime(2))."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class SystemBoot:
    """A Boot that is the operating system's. Raises OSError where the kernel does not tell its id."""

    def __init__(self) -> None:
        self.id = _BOOT_ID.read_text().strip()

    def elapsed_ns(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
