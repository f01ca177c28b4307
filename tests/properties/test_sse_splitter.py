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
    splitter = EventSplitter()
    whole = [event for piece in pieces for event in splitter.split(piece)]
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
    # A bare CR at the very end may be half of a CRLF: whether its event is over is not known yet.
    told = [data for data in read if data]
    wanted = [data for data in expected if data]
    assert told == wanted or (data.endswith(b"\r") and told == wanted[:-1])


def test_a_lone_cr_at_the_end_of_a_piece_ends_its_event_with_the_next_piece() -> None:
    splitter = EventSplitter()
    assert splitter.split(b"data: a\r\n\r") == []
    assert splitter.split(b"data: b") == [b"data: a\r\n\r"]


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
