"""Fuzzes the way of a provider's stream: no byte is lost, cuts change nothing, and only its named errors come."""

from __future__ import annotations

import atheris

from tests.fuzz.cuts import cut
from tests.fuzz.launch import start

with atheris.instrument_imports(include=["turnpike"]):
    from turnpike.dialects.anthropic_messages import MESSAGES
    from turnpike.dialects.event_stream import EventStream
    from turnpike.dialects.openai_chat import CHAT
    from turnpike.dialects.openai_responses import RESPONSES
    from turnpike.dialects.sse import EventSplitter, event_data
    from turnpike.domain.errors import UpstreamInvalid

SPEECHES = (CHAT, RESPONSES, MESSAGES)


def read_one_input(data: bytes) -> None:
    if len(data) < 2:
        return
    seed, speech, data = data[0], SPEECHES[data[1] % len(SPEECHES)], data[2:]
    pieces = cut(data, seed)
    split_in_any_way(data, pieces)
    assert speech.open_stream is not None
    whole = follow(speech.open_stream(), [data])
    assert whole == follow(speech.open_stream(), pieces), "the cuts changed what was read"
    assert data.startswith(whole[0]), "a byte was changed or lost"


def split_in_any_way(data: bytes, pieces: list[bytes]) -> None:
    splitter, cut_splitter = EventSplitter(), EventSplitter()
    events = splitter.split(data)
    cut_events = [event for piece in pieces for event in cut_splitter.split(piece)]
    assert b"".join(cut_events) + cut_splitter.rest() == data
    assert b"".join(events) + splitter.rest() == data
    for event in events:
        event_data(event)


def follow(stream: EventStream, pieces: list[bytes]) -> tuple[bytes, bool, tuple[object, ...]]:
    """What was passed on of all pieces, whether they were found invalid, and what was read."""
    passed, invalid = b"", False
    try:
        for piece in pieces:
            passed += stream.feed(piece)
            if stream.fault is not None:
                raise stream.fault
        passed += stream.finish()
    except UpstreamInvalid:
        invalid = True
    return passed, invalid, (stream.ended, stream.failed, stream.has_content, stream.facts)


if __name__ == "__main__":
    start(read_one_input)
