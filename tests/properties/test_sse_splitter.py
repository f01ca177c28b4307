"""Streams of events, cut at every place."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnpike.dialects.anthropic_messages import MESSAGES
from turnpike.dialects.openai_chat import CHAT
from turnpike.dialects.openai_responses import RESPONSES
from turnpike.dialects.speech import Speech
from turnpike.dialects.sse import EventSplitter, event_data
from turnpike.domain.errors import UpstreamInvalid

lines = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8)
events = st.lists(
    st.builds(lambda field, text: field + text, st.sampled_from(["data: ", "data:", ": ", ""]), lines),
    min_size=1,
    max_size=4,
)
LINE_ENDS = ("\n", "\r\n", "\r")


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """A stream whose lines end in one way, or in all of them."""
    ends = st.sampled_from(draw(st.sampled_from([(end,) for end in LINE_ENDS] + [LINE_ENDS])))
    told = ""
    for event in draw(st.lists(events, max_size=5)):
        for line in event:
            told += line + draw(ends)
        told += draw(ends)
    return (told + draw(lines)).encode()


def split(pieces: list[bytes]) -> tuple[list[bytes], bytes]:
    """Whole events and the rest; an LF that was given after the CR it belongs to is back with its event."""
    splitter = EventSplitter()
    whole: list[bytes] = []
    for piece in pieces:
        for event in splitter.split(piece):
            if event == b"\n":
                assert whole[-1].endswith(b"\r"), "an LF that belongs to no event"
                whole[-1] += event
            else:
                whole.append(event)
    return whole, splitter.rest()


@st.composite
def cuts(draw: st.DrawFn, of: st.SearchStrategy[bytes]) -> tuple[bytes, list[bytes]]:
    data = draw(of)
    places = sorted(draw(st.sets(st.integers(0, len(data)), max_size=8)))
    return data, [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


@given(cuts(streams()))
def test_cuts_lose_no_byte(cut: tuple[bytes, list[bytes]]) -> None:
    data, pieces = cut
    whole, rest = split(pieces)
    assert b"".join(whole) + rest == data


@given(streams())
def test_a_stream_cut_between_any_two_bytes_gives_the_same_events(data: bytes) -> None:
    together = split([data])
    for place in range(len(data) + 1):
        assert split([data[:place], data[place:]]) == together
    assert split([bytes([byte]) for byte in data]) == together


@given(streams())
def test_events_hold_what_a_browser_would_read_of_them(data: bytes) -> None:
    """Against the standard's own way: lines first, then events at each empty one."""
    read = [event_data(event) for event in split([data])[0]]
    lines_read = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    expected: list[bytes] = []
    values: list[bytes] = []
    for line in lines_read[:-1]:
        if line == b"":
            expected.append(b"\n".join(values))
            values = []
        elif line.startswith(b"data:"):
            values.append(line[6:] if line[5:6] == b" " else line[5:])
    assert [data for data in read if data] == [data for data in expected if data]


@given(streams())
def test_an_event_is_given_with_the_byte_that_ends_its_blank_line(data: bytes) -> None:
    """At each byte, as many events are told of as a browser that got no more would have dispatched."""
    splitter, told = EventSplitter(), 0
    for place, byte in enumerate(data):
        told += sum(bool(event_data(event)) for event in splitter.split(bytes([byte])))
        assert told == sum(bool(event_data(event)) for event in split([data[: place + 1]])[0])
    whole = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    assert told == sum(bool(event_data(event)) for event in split([whole])[0])


@pytest.mark.parametrize(
    ("pieces", "events"),
    [
        ([b"data: a\r\r"], [[b"data: a\r\r"]]),
        ([b"data: a\r", b"\r"], [[], [b"data: a\r\r"]]),
        ([b"data: a\r\n\r", b"\n"], [[b"data: a\r\n\r"], [b"\n"]]),
        ([b"data: a\r\n\r", b"\ndata: b\n\n"], [[b"data: a\r\n\r"], [b"\n", b"data: b\n\n"]]),
        ([b"data: a\r\r", b"data: b\r\r"], [[b"data: a\r\r"], [b"data: b\r\r"]]),
        ([b"data: a\r\r", b"", b"\n"], [[b"data: a\r\r"], [], [b"\n"]]),
        ([b"data: a\r", b"\ndata: b\r", b"\n"], [[], [], []]),
        ([b"data: a\n\r", b"\ndata: b\n\r"], [[b"data: a\n\r"], [b"\n", b"data: b\n\r"]]),
    ],
)
def test_an_event_whose_last_byte_is_a_cr_waits_for_nothing(
    pieces: list[bytes], events: list[list[bytes]]
) -> None:
    splitter = EventSplitter()
    assert [splitter.split(piece) for piece in pieces] == events


@pytest.mark.parametrize("speech", [CHAT, RESPONSES, MESSAGES])
@pytest.mark.parametrize(
    "data",
    [
        b'{"id":"a","choices":8\0',
        b'{"type":1,',
        b'{"type":"message_start","message":3,',
        b'{"response":5]',
        b"[" * 100_000,
        b'{"a":"\xff"}x',
    ],
)
def test_an_event_that_is_no_json_is_passed_on_or_an_upstream_fault_and_nothing_else(
    speech: Speech, data: bytes
) -> None:
    assert speech.open_stream is not None
    event = b"data: " + data + b"\n\n"
    stream = speech.open_stream()
    with contextlib.suppress(UpstreamInvalid):
        assert stream.feed(event) == event
    assert (stream.ended, stream.failed) == (False, False)


@pytest.mark.parametrize("line", [b"data: a\n", b"data: a\r", b"data: a\r\n"])
def test_a_long_event_that_comes_line_by_line_is_read_once(line: bytes) -> None:
    splitter = EventSplitter()
    began = time.process_time()
    splitter.split(b"data: " + b"a" * 16_000_000 + line)
    for _ in range(2_000):
        assert splitter.split(line) == []
    assert time.process_time() - began < 1
    assert len(splitter.split(b": a\n\n")) == 1
