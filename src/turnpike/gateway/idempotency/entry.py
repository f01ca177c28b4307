"""What is kept under an idempotency key, and the form that it has on disk."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from turnpike.domain.call_status import CallStatus
from turnpike.ports.sealing import Seal

PURPOSE: Final = "idempotency"


class Reason(StrEnum):
    """Why a call that may have been executed has no answer that can be given again."""

    CANCELLED = "cancelled"
    TOO_LARGE = "too_large"
    NO_ROOM = "no_room"


class Claimed(msgspec.Struct, frozen=True, tag="claimed"):
    """A call has begun. fingerprint: recognises its request. call_id: that of the call."""

    fingerprint: bytes
    call_id: str


class Answered(msgspec.Struct, frozen=True, tag="answered"):
    """A call has ended with this answer; `ending` and `error` are those of its outcome."""

    fingerprint: bytes
    call_id: str
    streamed: bool
    status: int
    head: bytes
    body: bytes
    ending: CallStatus
    error: str | None


class Unrepeatable(msgspec.Struct, frozen=True, tag="unrepeatable"):
    """A call has ended, may have been executed, and left no answer."""

    fingerprint: bytes
    call_id: str
    reason: Reason


Entry = Claimed | Answered | Unrepeatable

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Entry] = msgspec.msgpack.Decoder(Entry)


def close_entry(entry: Entry, seal: Seal) -> bytes:
    """An entry as it is written: sealed, since it holds what was said."""
    return seal.close(_encoder.encode(entry), PURPOSE)


def open_entry(closed: bytes, seal: Seal) -> Entry:
    """The entry back. Raises ValueError where it is not one, or was changed."""
    return _decoder.decode(seal.open(closed, PURPOSE))
