"""Finding lines that no index holds: files are read from end to end."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Set
from pathlib import Path
from threading import Event
from typing import Final

from turnpike.gateway.kept.line import LINE_BYTES_MAX, read_at, start_of, starts_in
from turnpike.gateway.kept.logs import logs_in
from turnpike.gateway.kept.response import KeptResponse

CHUNK_BYTES: Final = 256 * 1024
"""Read at a time, which lets other threads on in between."""


def search(folder: Path, ids: Collection[str], closing: Event) -> dict[str, KeptResponse]:
    """What any line says of these ids, the newest files first; ends early when `closing` is set. Raises OSError."""
    wanted = {start: name for name in ids if (start := start_of(name)) is not None}
    found: dict[str, KeptResponse] = {}
    for path in reversed(logs_in(folder)):
        for offset, start in _places_of(path, wanted.keys(), closing):
            kept = read_at((path, offset), wanted[start])
            if kept is not None:
                found.setdefault(wanted[start], kept)
        if len(found) == len(wanted):
            break
    return found


def _places_of(path: Path, wanted: Set[bytes], closing: Event) -> Iterator[tuple[int, bytes]]:
    """Where lines begin with one of `wanted`, and with which."""
    try:
        with path.open("rb") as file:
            begun, offset = b"", 0
            while (chunk := file.read(CHUNK_BYTES)) and not closing.is_set():
                data = begun + chunk
                end = data.rfind(b"\n") + 1
                for start in wanted & set(starts_in(data, end)):
                    yield offset + (0 if data.startswith(start) else data.find(b"\n" + start) + 1), start
                offset += end
                begun = data[end:]
                if len(begun) > LINE_BYTES_MAX:  # no line of ours: a power cut may leave a run of zeros
                    begun, offset = b"", offset + len(begun)
    except FileNotFoundError:
        return
