"""The form of a file of counts: a header, a place for gauges, and series one after the other.

A worker writes and others read meanwhile: it writes the series in their order, and after them the header, which says how many
bytes are in use; the gauges, and each series' labels, are proven by a checksum. Killed at any moment, a writer leaves a file
that can be read.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

import msgspec

from turnpike.gateway.metrics.table import COUNTED, Metric

Labels = tuple[str, ...]

CAPACITY_BYTES: Final = 4 * 1024 * 1024
GAUGES_AT: Final = 64
SERIES_AT: Final = 256 * 1024
CELL_BYTES: Final = 8

HEADER: Final = struct.Struct("=8sQQ")
"""Mark of the file's kind and format, digest of the table of metrics, bytes in use."""
MARK: Final = b"tpcount1"

_GAUGES_HEAD: Final = struct.Struct("=II")
_SERIES_HEAD: Final = struct.Struct("=IIQ")
READS_MAX: Final = 8
"""How often gauges are read again that were being written."""


class Reading(msgspec.Struct, frozen=True, array_like=True):
    """What a gauge shows: the metric's name, its labels' values in their order, the value."""

    metric: str
    labels: Labels
    value: float


class Series(msgspec.Struct, frozen=True):
    """One series in a file: its metric as a row of COUNTED, and its first cell."""

    row: int
    labels: Labels
    first_cell: int


_labels_decoder = msgspec.msgpack.Decoder(Labels)
_readings_decoder = msgspec.msgpack.Decoder(tuple[Reading, ...])
_encoder = msgspec.msgpack.Encoder()


def digest_of(metrics: tuple[Metric, ...]) -> int:
    """A number that changes with whatever changes the meaning of a cell."""
    form = [(metric.name, metric.kind.value, metric.labels, metric.bounds) for metric in metrics]
    return zlib.crc32(repr(form).encode())


LAYOUT_DIGEST: Final = digest_of(COUNTED)


def is_readable(data: bytes) -> bool:
    """Whether the file is of this release's form."""
    mark, digest, used = HEADER.unpack_from(data)
    return bool(mark == MARK and digest == LAYOUT_DIGEST and SERIES_AT <= used <= CAPACITY_BYTES)


def is_blank(data: bytes) -> bool:
    """Whether nobody has written a header yet."""
    return HEADER.unpack_from(data) == (bytes(len(MARK)), 0, 0)


def walk_series(data: bytes) -> Iterator[Series]:
    """The series that the file holds, up to the first damaged one."""
    used: int = min(HEADER.unpack_from(data)[2], len(data))
    at = SERIES_AT
    while at + _SERIES_HEAD.size <= used:
        row, key_bytes, checksum = _SERIES_HEAD.unpack_from(data, at)
        key_at = at + _SERIES_HEAD.size
        key = data[key_at : key_at + key_bytes]
        if row >= len(COUNTED) or checksum != _checksum(row, key):
            return
        first_cell = _cells_at(key_at + key_bytes)
        at = (first_cell + COUNTED[row].cells) * CELL_BYTES
        if at > used:
            return
        yield Series(row, _labels_decoder.decode(key), first_cell)


def render_series(row: int, labels: Labels) -> bytes:
    """A series as it is appended to a file, all its cells 0."""
    key = _encoder.encode(labels)
    head = _SERIES_HEAD.pack(row, len(key), _checksum(row, key)) + key
    return head.ljust((_cells_at(len(head)) + COUNTED[row].cells) * CELL_BYTES, b"\0")


def write_readings(data: bytearray, readings: tuple[Reading, ...]) -> None:
    """Put gauges in their place; as many as it has room for."""
    room = SERIES_AT - GAUGES_AT - _GAUGES_HEAD.size
    body = _encoder.encode(readings)
    while len(body) > room:
        readings = readings[: len(readings) // 2]
        body = _encoder.encode(readings)
    data[GAUGES_AT : GAUGES_AT + _GAUGES_HEAD.size + len(body)] = (
        _GAUGES_HEAD.pack(len(body), zlib.crc32(body)) + body
    )


def has_whole_gauges(data: bytes) -> bool:
    """Whether the gauges are as they were written; not where they are being written at this moment."""
    return _gauges_in(data) is not None


def read_readings(data: bytes) -> tuple[Reading, ...]:
    """The gauges as they were last written; none where their writer was killed while it wrote."""
    body = _gauges_in(data)
    return () if body is None else _readings_decoder.decode(body)


def _gauges_in(data: bytes) -> bytes | None:
    body_at = GAUGES_AT + _GAUGES_HEAD.size
    size, checksum = _GAUGES_HEAD.unpack_from(data, GAUGES_AT)
    body = data[body_at : min(body_at + size, SERIES_AT)]
    return body if size and zlib.crc32(body) == checksum else None


def _cells_at(offset_bytes: int) -> int:
    """The first cell that begins at or after an offset."""
    return -(-offset_bytes // CELL_BYTES)


def _checksum(row: int, key: bytes) -> int:
    """Never 0, so that zeroed bytes are no series."""
    return zlib.crc32(key, row) | 1 << 32
