"""Answers that a provider packed although it was asked not to."""

from __future__ import annotations

import zlib
from typing import Final

import zstandard

from turnpike.domain.errors import UpstreamInvalid

GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


def unpacked(body: bytes, encoding: bytes, limit_bytes: int) -> bytes:
    """The body as it was before its content-encoding.

    Raises UpstreamInvalid where it is damaged, larger than the limit, or packed in another way.
    """
    coding = encoding.strip().lower()
    if coding == b"identity":
        return body
    try:
        if coding in (b"gzip", b"x-gzip", b"deflate"):
            plain = _inflated(body, limit_bytes)
        elif coding == b"zstd":
            with zstandard.ZstdDecompressor().stream_reader(body) as reader:
                plain = reader.read(limit_bytes + 1)
        else:
            raise UpstreamInvalid(
                f"The provider packed its answer with {coding.decode('latin-1')}, unasked.",
                reason="The provider packed its answer in a way that is not read, unasked.",
            )
    except (zlib.error, zstandard.ZstdError) as fault:
        raise UpstreamInvalid(f"The provider's packed answer is damaged: {fault}.") from fault
    if len(plain) > limit_bytes:
        raise UpstreamInvalid(f"The provider's answer is over {limit_bytes} bytes.")
    return plain


def _inflated(body: bytes, limit_bytes: int) -> bytes:
    """Up to one byte over the limit. Raises zlib.error where the end, with its checksum, is not there."""
    inflating = zlib.decompressobj(GZIP_OR_ZLIB)
    plain = inflating.decompress(body, limit_bytes + 1)
    if not inflating.eof and len(plain) <= limit_bytes:
        raise zlib.error("it ends too early")
    return plain
