"""The file that one worker counts in."""

from __future__ import annotations

import errno
import mmap
import os
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
    USED_CELL,
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
    them in the file: a mapped file would end the worker where somebody cuts it short. `worker` names
    the worker: its slot, and a further number while another worker of this slot still runs.
    Raises OSError where the folder cannot be written.
    """

    def __init__(self, folder: Path, slot: int) -> None:
        self.worker, self._descriptor, self._data = _open_first_free(folder, slot)
        self._path = folder / f"{PREFIX}{self.worker}{SUFFIX}"
        self._writing = Lock()
        self._is_closed = False
        self.cells: memoryview[int] = memoryview(self._data).cast("q")
        self._first_cells: dict[tuple[int, Labels], int] = {}
        self._values: dict[tuple[int, int], set[str]] = {}
        self._series_counts = [0] * len(COUNTED)
        self._take_up()
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
        write_readings(self._data, readings)

    def flush_gauges(self) -> None:
        """Put the gauges in the file. Raises OSError; not to be called while they are written."""
        with self._writing:
            self._put(GAUGES_AT, SERIES_AT)

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
            self.cells.release()
            self._data.close()
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
        used = self.cells[USED_CELL]
        self._put(SERIES_AT, used)
        # Not the header as it is by now: it may tell of series that came meanwhile.
        os.pwrite(self._descriptor, HEADER.pack(MARK, LAYOUT_DIGEST, used), 0)

    def _put(self, start: int, end: int) -> None:
        if self._is_closed:
            return
        with memoryview(self._data) as data:
            os.pwrite(self._descriptor, data[start:end], start)

    def _take_up(self) -> None:
        """Know again what earlier workers of the slot counted; what a power cut damaged begins anew."""
        end_cell = SERIES_AT // CELL_BYTES
        for series in walk_series(self._data):
            self._know(series.row, series.labels, series.first_cell)
            end_cell = series.first_cell + COUNTED[series.row].cells
            for cell in range(series.first_cell, end_cell):
                if not 0 <= self.cells[cell] <= COUNT_MAX:
                    self.cells[cell] = 0
        self.cells[USED_CELL] = end_cell * CELL_BYTES

    def _bounded(self, row: int, place: int, text: str) -> str:
        cut = text.encode("utf-8", "replace")[:LABEL_BYTES].decode("utf-8", "ignore")
        values = self._values.setdefault((row, place), set())
        return cut if cut in values or len(values) < VALUES_PER_LABEL else OTHER

    def _add(self, row: int, labels: Labels) -> int:
        """Append a series, published by one store when it is whole; all that the limits allow fit."""
        found = self._first_cells.get((row, labels))
        if found is not None:
            return found
        used = self.cells[USED_CELL]
        series = render_series(row, labels)
        end = used + len(series)
        self._data[used:end] = series
        self.cells[USED_CELL] = end
        first_cell = end // CELL_BYTES - COUNTED[row].cells
        self._know(row, labels, first_cell)
        return first_cell

    def _know(self, row: int, labels: Labels, first_cell: int) -> None:
        self._first_cells[row, labels] = first_cell
        self._series_counts[row] += 1
        for place, text in enumerate(labels):
            self._values.setdefault((row, place), set()).add(text)


def _open_first_free(folder: Path, slot: int) -> tuple[str, int, mmap.mmap]:
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


def _open_held(path: Path) -> tuple[int, mmap.mmap] | None:
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
        data[: HEADER.size] = HEADER.pack(MARK, LAYOUT_DIGEST, SERIES_AT)
    if is_readable(data):
        return descriptor, data
    data.close()
    path.replace(path.with_suffix(".aside"))
    os.close(descriptor)
    return _open_held(path)


def _read_used(descriptor: int) -> mmap.mmap:
    """Memory of the file's size, with what is in use of it: what is not touched takes no memory."""
    data = mmap.mmap(-1, CAPACITY_BYTES)
    with memoryview(data) as whole:
        os.preadv(descriptor, [whole[: HEADER.size]], 0)
        if is_readable(data):
            os.preadv(descriptor, [whole[SERIES_AT : whole.cast("Q")[USED_CELL]]], SERIES_AT)
    return data


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file still has this name; another worker may have set it aside just now."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
