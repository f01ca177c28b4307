"""Everything counted, over all workers: those that run and those that have ended."""

from __future__ import annotations

import os
import struct
from collections import defaultdict
from pathlib import Path

import msgspec

from turnpike.gateway.metrics.counts_file import PREFIX, SUFFIX
from turnpike.gateway.metrics.held import is_held
from turnpike.gateway.metrics.layout import (
    CAPACITY_BYTES,
    CELL_BYTES,
    HEADER,
    READS_MAX,
    SERIES_AT,
    Labels,
    Reading,
    has_whole_gauges,
    is_readable,
    read_readings,
    walk_series,
)
from turnpike.gateway.metrics.table import COUNTED, GAUGES


class Totals(msgspec.Struct, frozen=True):
    """Sums by metric name and labels: the cells of what is counted, the values of gauges."""

    counts: dict[tuple[str, Labels], list[int]]
    gauges: dict[tuple[str, Labels], float]


def read_totals(folder: Path) -> Totals:
    """The sums over the folder's files; a gauge counts while its worker lives. Safe in any thread."""
    counts: dict[tuple[str, Labels], list[int]] = {}
    gauges: dict[tuple[str, Labels], float] = defaultdict(float)
    for path in sorted(folder.glob(f"{PREFIX}*{SUFFIX}")):
        series, readings = _read_file(path)
        for key, cells in series.items():
            before = counts.get(key)
            counts[key] = cells if before is None else [a + b for a, b in zip(before, cells, strict=True)]
        for reading in readings:
            metric = GAUGES.get(reading.metric)
            if metric is not None and len(metric.labels) == len(reading.labels):
                gauges[reading.metric, reading.labels] += reading.value
    return Totals(counts, dict(gauges))


def _read_file(path: Path) -> tuple[dict[tuple[str, Labels], list[int]], tuple[Reading, ...]]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return {}, ()  # set aside by a worker of another release
    try:
        data = _content(descriptor)
        if len(data) < SERIES_AT or not is_readable(data):
            return {}, ()  # another worker makes it at this moment, or somebody has cut it short
        return _nonzero_series(data), read_readings(data) if is_held(descriptor) else ()
    finally:
        os.close(descriptor)


def _content(descriptor: int) -> bytes:
    """What is in use of a file; never mapped, since reading a mapped file that is cut short ends the process."""
    head = os.pread(descriptor, HEADER.size, 0)
    if len(head) < HEADER.size:
        return b""
    used: int = HEADER.unpack(head)[2]
    data = b""
    for _ in range(READS_MAX):
        data = os.pread(descriptor, min(max(used, SERIES_AT), CAPACITY_BYTES), 0)
        if len(data) < SERIES_AT or has_whole_gauges(data):
            break
    return data


def _nonzero_series(data: bytes) -> dict[tuple[str, Labels], list[int]]:
    found = {}
    for series in walk_series(data):
        metric = COUNTED[series.row]
        values = list(struct.unpack_from(f"={metric.cells}q", data, series.first_cell * CELL_BYTES))
        if any(values):
            found[metric.name, series.labels] = values
    return found
