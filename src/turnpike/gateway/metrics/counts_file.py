"""The file that one worker counts in."""

from __future__ import annotations

import errno
import os
from array import array
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from turnpike.gateway.metrics.held import hold
from turnpike.gateway.metrics.layout import (
    CAPACITY_BYTES,
    CELL_BYTES,
    GAUGES_AT,
    HEADER,
    LAYOUT_DIGEST,
    MARK,
    SERIES_AT,
    Labels,
    Reading,
    is_blank,
    is_readable,
    render_series,
    walk_series,
    write_readings,
)
from turnpike.gateway.metrics.table import COUNTED, Metric

PREFIX: Final = "metrics-"
SUFFIX: Final = ".counts"
CELL_FORM: Final = "q"
CELLS_AT_ONCE: Final = 4096
"""Put into the file in one go, and so as many as calls wait for."""
OTHER: Final = "other"
"""Stands in a label for whatever came after the limits below were reached."""
LABEL_BYTES: Final = 128
VALUES_PER_LABEL: Final = 250
SERIES_PER_METRIC: Final = 1000
COUNT_MAX: Final = 2**62
"""No count comes near it (in nanoseconds, 146 years); what is beyond is damage."""
FILES_PER_SLOT: Final = 16
"""A worker that drains holds its slot's file while its successor starts: that one takes the next."""

_ROWS: Final = {metric.name: row for row, metric in enumerate(COUNTED)}


class CountsFile:
    """Counts that outlive the process: the slot's next worker goes on with them.

    `cells[n] += 1` counts, in memory; where a series' cells begin, `first_cell` says. `flush` puts
    them in the file: a mapped file would end the worker where somebody cuts it short, and a list is
    counted in at half the price. `worker` names
    the worker: its slot, and a further number while another worker of this slot still runs.
    Raises OSError where the folder cannot be written.
    """

    def __init__(self, folder: Path, slot: int) -> None:
        self.worker, self._descriptor, data = _open_first_free(folder, slot)
        self._path = folder / f"{PREFIX}{self.worker}{SUFFIX}"
        self._writing = Lock()
        self._is_closed = False
        self._gauges = bytearray(SERIES_AT)
        self.cells = [0] * (SERIES_AT // CELL_BYTES)
        self._first_cells: dict[tuple[int, Labels], int] = {}
        self._values: dict[tuple[int, int], set[str]] = {}
        self._series_counts = [0] * len(COUNTED)
        self._take_up(data)
        for row, metric in enumerate(COUNTED):
            self._add(row, (OTHER,) * len(metric.labels))
        self.write_gauges(())
        self.flush_gauges()
        self.flush()

    def first_cell(self, metric: Metric, labels: Labels) -> int:
        """Where a series' cells begin; beyond the limits it is one that says "other"."""
        row = _ROWS[metric.name]
        bounded = tuple(self._bounded(row, place, text) for place, text in enumerate(labels))
        found = self._first_cells.get((row, bounded))
        if found is not None:
            return found
        if self._series_counts[row] < SERIES_PER_METRIC:
            return self._add(row, bounded)
        return self._first_cells[row, (OTHER,) * len(labels)]

    def write_gauges(self, readings: tuple[Reading, ...]) -> None:
        """Have these gauges shown to every reader from the next `flush_gauges` on, for as long as this file is held."""
        write_readings(self._gauges, readings)

    def flush_gauges(self) -> None:
        """Put the gauges in the file. Raises OSError; not to be called while they are written."""
        with self._writing:
            if not self._is_closed:
                os.pwrite(self._descriptor, self._gauges[GAUGES_AT:], GAUGES_AT)

    def flush(self) -> None:
        """Put what was counted in the file, from any thread. Raises OSError; the next one makes up for it."""
        with self._writing:
            self._put_counts()

    def close(self) -> None:
        """Let go of the file, once nobody writes to it; nothing can be counted afterwards, and `flush` does nothing."""
        with self._writing:
            with suppress(OSError):  # A disk that refuses keeps what was flushed before.
                self._put_counts()
            self._is_closed = True
            self.cells = []
            os.close(self._descriptor)

    def _put_counts(self) -> None:
        """The series go first, so that nobody is told of one that is not there."""
        if self._is_closed:
            return
        if not _is_at(self._path, self._descriptor):
            reason = (
                "removed while a worker counts in it; what it counts is shown again when it has started anew"
            )
            raise FileNotFoundError(errno.ENOENT, reason, str(self._path))
        used = len(self.cells)
        for start in range(SERIES_AT // CELL_BYTES, used, CELLS_AT_ONCE):
            cells = self.cells[start : min(start + CELLS_AT_ONCE, used)]
            os.pwrite(self._descriptor, array(CELL_FORM, cells), start * CELL_BYTES)
        os.pwrite(self._descriptor, HEADER.pack(MARK, LAYOUT_DIGEST, used * CELL_BYTES), 0)

    def _take_up(self, data: bytes) -> None:
        """Know again what earlier workers of the slot counted; what a power cut damaged begins anew."""
        end = SERIES_AT
        for series in walk_series(data):
            self._know(series.row, series.labels, series.first_cell)
            end = (series.first_cell + COUNTED[series.row].cells) * CELL_BYTES
            self.cells.extend(_words(data[len(self.cells) * CELL_BYTES : end]))
            for cell in range(series.first_cell, len(self.cells)):
                if not 0 <= self.cells[cell] <= COUNT_MAX:
                    self.cells[cell] = 0

    def _bounded(self, row: int, place: int, text: str) -> str:
        cut = text.encode("utf-8", "replace")[:LABEL_BYTES].decode("utf-8", "ignore")
        values = self._values.setdefault((row, place), set())
        return cut if cut in values or len(values) < VALUES_PER_LABEL else OTHER

    def _add(self, row: int, labels: Labels) -> int:
        """Append a series; all that the limits allow fit into the file."""
        found = self._first_cells.get((row, labels))
        if found is not None:
            return found
        self.cells.extend(_words(render_series(row, labels)))
        first_cell = len(self.cells) - COUNTED[row].cells
        self._know(row, labels, first_cell)
        return first_cell

    def _know(self, row: int, labels: Labels, first_cell: int) -> None:
        self._first_cells[row, labels] = first_cell
        self._series_counts[row] += 1
        for place, text in enumerate(labels):
            self._values.setdefault((row, place), set()).add(text)


def _words(data: bytes) -> list[int]:
    """What stands in the file as the numbers that its cells would be."""
    return array(CELL_FORM, data).tolist()


def _open_first_free(folder: Path, slot: int) -> tuple[str, int, bytes]:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(FILES_PER_SLOT):
        worker = f"{slot}-{number}" if number else str(slot)
        opened = _open_held(folder / f"{PREFIX}{worker}{SUFFIX}")
        if opened is not None:
            return worker, *opened
    raise OSError(
        f"{folder}: {FILES_PER_SLOT} running processes count for worker {slot}; "
        "end those that an earlier start left behind"
    )


def _open_held(path: Path) -> tuple[int, bytes] | None:
    """The file, held and of this release's form; None where another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not hold(descriptor) or not _is_at(path, descriptor):
            os.close(descriptor)
            return None
        # Blocks are set aside now, so that a disk that is full later loses no counts.
        os.posix_fallocate(descriptor, 0, CAPACITY_BYTES)
        data = _read_used(descriptor)
    except OSError as fault:
        os.close(descriptor)
        raise OSError(fault.errno, fault.strerror, str(path)) from fault
    if is_blank(data):
        data = HEADER.pack(MARK, LAYOUT_DIGEST, SERIES_AT) + data[HEADER.size :]
    if is_readable(data):
        return descriptor, data
    path.replace(path.with_suffix(".aside"))
    os.close(descriptor)
    return _open_held(path)


def _read_used(descriptor: int) -> bytes:
    """What is in use of the file."""
    head = os.pread(descriptor, HEADER.size, 0)
    used = HEADER.unpack(head)[2] if is_readable(head) else SERIES_AT
    return os.pread(descriptor, used, 0)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file still has this name; another worker may have set it aside just now."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
