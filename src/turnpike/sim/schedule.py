"""From an answer to the steps that bring it, with every delay and fault that was wished for."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

import msgspec
import zstandard

from turnpike.ports.http import render_head
from turnpike.sim.plan import (
    Answer,
    Begin,
    End,
    Event,
    Hang,
    Plan,
    Reset,
    Step,
    StreamedAnswer,
    Wait,
    Whole,
    WholeAnswer,
    Write,
)
from turnpike.sim.refusals import Refused, error_event
from turnpike.sim.steering import Place, Steering

HTML = (
    b"<!DOCTYPE html>\n<html><head><title>Simulated page</title></head>\n"
    b"<body><h1>An HTML page where an answer should be, simulated by turnpike sim</h1></body></html>\n"
)
COMMENT = b": simulated by turnpike sim\n\n"
GZIP_WINDOW_BITS = 31

Manner = Literal["end", "reset", "hang"]


class Cut(msgspec.Struct, frozen=True):
    """Where an answer stops, and how: a named place, or so many events or bytes."""

    manner: Manner
    place: Place | None = None
    events: int | None = None
    size: int | None = None


def schedule(answer: Answer, steering: Steering) -> Plan:
    """The plan that gives the answer as wished."""
    answer = _with_odd_body(answer, steering)
    cut = _cut_of(steering)
    early = _waits(steering.latency_ms / 1000)
    if cut is not None and cut.place == "headers":
        last: Step = Hang() if cut.manner == "hang" else Reset()
        return Plan(b"", (*early, last), complete=False, charge=answer.charge)
    if isinstance(answer, WholeAnswer):
        return _whole_plan(answer, steering, cut, early)
    return _streamed_plan(answer, steering, cut, early)


def _whole_plan(answer: WholeAnswer, steering: Steering, cut: Cut | None, early: tuple[Step, ...]) -> Plan:
    pack = _packer(steering)
    body = b"".join(pack([Event(answer.body)])) if pack else answer.body
    head = render_head([*answer.headers, *_encoding_header(steering)])
    if answer.charge and steering.tokens_per_second:
        early = (*early, *_waits(answer.charge.output_tokens / steering.tokens_per_second))
    complete = answer.status < 400 and steering.body is None
    if cut is None:
        return Plan(head, (*early, Whole(answer.status, body)), complete, answer.charge)
    tokens = answer.charge.output_tokens if answer.charge else 0
    size = min(len(body), _size_kept(cut, [Event(body)]))
    piece = (Write(body[:size], tokens),) if size else ()
    return Plan(
        head, (*early, Begin(answer.status), *piece, _ending(cut)), complete=False, charge=answer.charge
    )


def _streamed_plan(
    answer: StreamedAnswer, steering: Steering, cut: Cut | None, early: tuple[Step, ...]
) -> Plan:
    events, complete = _events_with_faults(answer, steering)
    if cut is not None:
        kept = _kept_events(events, cut)
        complete = complete and kept == events
        events = kept
    events = _commented(events, steering.comment_every_events)
    pack = _packer(steering)
    if pack:
        packed = pack(events)
        events = [Event(data, event.output_tokens) for data, event in zip(packed, events, strict=True)]
    steps: list[Step] = [*early, Begin(200), *_waits(steering.first_event_ms / 1000)]
    for event in _resplit(events, steering.write_bytes):
        if steering.tokens_per_second:
            steps += _waits(event.output_tokens / steering.tokens_per_second)
        steps.append(Write(event.data, event.output_tokens))
    steps.append(End() if cut is None or complete else _ending(cut))
    head = render_head([*answer.headers, *_encoding_header(steering)])
    return Plan(head, tuple(steps), complete, answer.charge)


def _with_odd_body(answer: Answer, steering: Steering) -> Answer:
    """The answer with another body in its place, where one was wished for."""
    if steering.body is None:
        return answer
    if steering.body == "html":
        headers = (("content-type", "text/html; charset=utf-8"), *answer.headers[1:])
        status = answer.status if isinstance(answer, WholeAnswer) else 200
        return WholeAnswer(answer.surface, status, headers, HTML)
    if isinstance(answer, StreamedAnswer):
        events = () if steering.body == "empty" else _broken_events(answer.events)
        return msgspec.structs.replace(answer, events=events)
    body = b"" if steering.body == "empty" else answer.body[: len(answer.body) * 2 // 3]
    return msgspec.structs.replace(answer, body=body)


def _broken_events(events: tuple[Event, ...]) -> tuple[Event, ...]:
    """The second event's JSON breaks off, though the event itself is whole."""
    first, second, *rest = events
    data = second.data[: len(second.data) * 2 // 3].rstrip(b"\n") + b"\n\n"
    return (first, Event(data, second.output_tokens), *rest)


def _events_with_faults(answer: StreamedAnswer, steering: Steering) -> tuple[list[Event], bool]:
    """The events, and whether they are the whole answer."""
    events = list(answer.events)
    after = steering.error_after_events
    if after is None or after >= len(events):
        return events, steering.body is None
    status = steering.error or (529 if answer.surface.startswith("anthropic") else 500)
    refused = Refused(status, code=steering.error_code)
    return [*events[:after], Event(error_event(answer.surface, refused, after))], False


def _cut_of(steering: Steering) -> Cut | None:
    if steering.hang is not None:
        return Cut("hang", steering.hang)
    if steering.reset is not None:
        return Cut("reset", steering.reset)
    wished = (steering.cut, steering.cut_after_events, steering.cut_after_bytes)
    return None if wished == (None, None, None) else Cut(steering.cut_how, *wished)


def _kept_events(events: list[Event], cut: Cut) -> list[Event]:
    if cut.place == "terminator":
        return events[:-1]
    if cut.events is not None:
        return events[: cut.events]
    left = _size_kept(cut, events)
    kept = []
    for event in events:
        if left <= 0:
            break
        whole = len(event.data) <= left
        kept.append(event if whole else Event(event.data[:left]))
        left -= len(event.data)
    return kept


def _size_kept(cut: Cut, events: Sequence[Event]) -> int:
    size = sum(len(event.data) for event in events)
    match cut.place:
        case "body":
            return 0
        case "middle":
            return size // 2
        case "terminator":
            return size - 1
        case _:
            return size // 2 if cut.size is None else cut.size


def _ending(cut: Cut) -> Step:
    match cut.manner:
        case "end":
            return End()
        case "reset":
            return Reset()
        case "hang":
            return Hang()


def _commented(events: list[Event], every: int) -> list[Event]:
    if not every:
        return events
    commented = []
    for number, event in enumerate(events):
        if number % every == 0:
            commented.append(Event(COMMENT))
        commented.append(event)
    return commented


def _packer(steering: Steering) -> Callable[[Iterable[Event]], list[bytes]] | None:
    match steering.encoding:
        case "identity":
            return None
        case "gzip":
            return _gzipped
        case "zstd":
            return _zstandard


def _gzipped(events: Iterable[Event]) -> list[bytes]:
    """Each event's bytes as they leave a gzip stream that is flushed after every one."""
    packer = zlib.compressobj(wbits=GZIP_WINDOW_BITS)
    pieces = [packer.compress(event.data) + packer.flush(zlib.Z_SYNC_FLUSH) for event in events]
    return [*pieces[:-1], *(piece + packer.flush() for piece in pieces[-1:])]


def _zstandard(events: Iterable[Event]) -> list[bytes]:
    packer = zstandard.ZstdCompressor().compressobj()
    flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    pieces = [packer.compress(event.data) + packer.flush(flush) for event in events]
    return [*pieces[:-1], *(piece + packer.flush() for piece in pieces[-1:])]


def _encoding_header(steering: Steering) -> list[tuple[str, str]]:
    return [] if steering.encoding == "identity" else [("content-encoding", steering.encoding)]


def _resplit(events: list[Event], size: int) -> list[Event]:
    """The same bytes in pieces of `size`; an event's tokens go with the piece that ends it."""
    if not size:
        return events
    data = b"".join(event.data for event in events)
    tokens = [0] * (len(data) // size + 1)
    end = 0
    for event in events:
        end += len(event.data)
        tokens[max(0, end - 1) // size] += event.output_tokens
    return [Event(data[start : start + size], tokens[start // size]) for start in range(0, len(data), size)]


def _waits(seconds: float) -> tuple[Wait, ...]:
    return (Wait(seconds),) if seconds > 0 else ()
