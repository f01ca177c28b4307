"""What every role takes from the machine at its start."""

from __future__ import annotations

import resource
from typing import Final

OPEN_FILES_WANTED: Final = 65_536


def raise_open_files() -> None:
    """Take as many descriptors as the machine gives; most systems start at 1024.

    A caller's connection takes one, as does one to a provider, or two of them where that is by TLS.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES_WANTED)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
