"""How much of kept responses is held in memory, and how long anybody waits for their files."""

from __future__ import annotations

from typing import Final

import msgspec


class KeptBounds(msgspec.Struct, frozen=True):
    """What one worker holds in memory; what is older is searched for in the files.

    ids_max: ids whose place is at hand, at about 150 bytes each.
    first_read_bytes: how much of the newest lines is read at the first question.
    waiting_bytes_max: of lines that wait at once to be noted: those of some 8,000 answers.
    looks_max: questions that wait at once for the newest lines.
    searches_max: searches of all files, under way and waiting: each may read gigabytes, for made-up ids.
    note_seconds: how long an answer waits for its ids to be noted before it is given all the same.
    look_seconds, search_seconds: how long a caller waits for either.
    """

    ids_max: int = 200_000
    first_read_bytes: int = 64 * 1024 * 1024
    waiting_bytes_max: int = 4 * 1024 * 1024
    looks_max: int = 1024
    searches_max: int = 64
    note_seconds: float = 2.0
    look_seconds: float = 5.0
    search_seconds: float = 60.0


BOUNDS: Final = KeptBounds()
