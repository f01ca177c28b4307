"""The operating system's source of randomness."""

from __future__ import annotations

import os


class SystemRandomness:
    """A Randomness fed by the kernel, fit for keys."""

    def take(self, count: int) -> bytes:
        return os.urandom(count)
