"""Packed request bodies, unpacked within a bound."""

from __future__ import annotations

import zlib

import zstandard

from turnpike.domain.errors import InvalidRequest
from turnpike.gateway.edge.framing import too_large
from turnpike.gateway.edge.limits import EdgeLimits

GZIP_WINDOW = 16 + zlib.MAX_WBITS
ZSTD_PIECE_BYTES = 1024
"""Fed at once: four bytes can stand for a block of 128 KiB, so this much for 32 MiB."""


def unpack(body: bytes, encoding: bytes, limits: EdgeLimits) -> bytes:
    """The body as it was before `encoding` ("gzip", "x-gzip" or "zstd").

    Raises InvalidRequest where it is damaged or cut, PayloadTooLarge where it holds too much.
    """
    unpacked = _zstd(body, limits) if encoding == b"zstd" else _gzip(body, limits)
    if len(unpacked) > limits.body_bytes:
        raise too_large(limits)
    return unpacked


def _gzip(body: bytes, limits: EdgeLimits) -> bytes:
    unpacker = zlib.decompressobj(GZIP_WINDOW)
    try:
        unpacked = unpacker.decompress(body, limits.body_bytes + 1)
    except zlib.error as fault:
        raise _damaged("gzip") from fault
    if len(unpacked) <= limits.body_bytes and (not unpacker.eof or unpacker.unused_data):
        raise _damaged("gzip")
    return unpacked


def _zstd(body: bytes, limits: EdgeLimits) -> bytes:
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    pieces, size = [], 0
    try:
        for start in range(0, len(body), ZSTD_PIECE_BYTES):
            piece = unpacker.decompress(body[start : start + ZSTD_PIECE_BYTES])
            size += len(piece)
            if size > limits.body_bytes:
                raise too_large(limits)
            pieces.append(piece)
    except zstandard.ZstdError as fault:
        raise _damaged("zstd") from fault
    if not unpacker.eof or unpacker.unused_data:
        raise _damaged("zstd")
    return b"".join(pieces)


def _damaged(encoding: str) -> InvalidRequest:
    return InvalidRequest(f"The body is not one whole {encoding} stream, as its header says it is.")
