"""What one answer will be on the wire, step by step, before any of it is sent."""

from __future__ import annotations

import msgspec


class Wait(msgspec.Struct, frozen=True):
    """Nothing goes out for so long."""

    seconds: float


class Whole(msgspec.Struct, frozen=True):
    """Status, head and a body of known length, at once."""

    status: int
    body: bytes


class Begin(msgspec.Struct, frozen=True):
    """Status and head of an answer whose length is not known."""

    status: int


class Write(msgspec.Struct, frozen=True):
    """A piece of the body; `output_tokens` were put out with it."""

    data: bytes
    output_tokens: int = 0


class End(msgspec.Struct, frozen=True):
    """The body is closed in good HTTP order."""


class Reset(msgspec.Struct, frozen=True):
    """The connection is reset."""


class Hang(msgspec.Struct, frozen=True):
    """Nothing more comes, and the connection stays open."""


Step = Wait | Whole | Begin | Write | End | Reset | Hang


class Charge(msgspec.Struct, frozen=True):
    """What a real provider would bill for an answer that is given in full."""

    model: str
    input_tokens: int
    output_tokens: int


class Plan(msgspec.Struct, frozen=True):
    """Every step of one answer.

    `head` (rendered header lines) goes out with `Begin` or `Whole`. `complete` says whether the steps give the
    whole answer as the dialect wants it. `charge` is None where nothing would be billed.
    """

    head: bytes
    steps: tuple[Step, ...]
    complete: bool
    charge: Charge | None


class Event(msgspec.Struct, frozen=True):
    """One server-sent event as bytes, and the output tokens that it carries."""

    data: bytes
    output_tokens: int = 0


class WholeAnswer(msgspec.Struct, frozen=True):
    """An answer with one body; `charge` is None on errors and on what is not billed."""

    surface: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    charge: Charge | None = None


class StreamedAnswer(msgspec.Struct, frozen=True):
    """An answer of server-sent events, the last of which is the dialect's terminator."""

    surface: str
    headers: tuple[tuple[str, str], ...]
    events: tuple[Event, ...]
    charge: Charge


Answer = WholeAnswer | StreamedAnswer
