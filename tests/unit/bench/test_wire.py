import json

import pytest

from bench.latency import answer_is_whole
from bench.stream_upstream import is_whole, stream_index
from bench.wire import (
    EVENT_MARK,
    PROMPT_BYTES,
    chat_body,
    post,
    prompt,
    reply_body,
    stamped_event,
    stamps_in,
    stream_body,
    stream_end,
)


def test_a_prompt_has_its_size_whatever_it_begins_with() -> None:
    assert len(prompt()) == len(prompt("another beginning ")) == PROMPT_BYTES


def test_the_reply_is_a_chat_completion_of_about_700_bytes() -> None:
    reply = json.loads(reply_body())

    assert reply["object"] == "chat.completion"
    assert 650 < len(reply_body()) < 750


def test_the_mark_stands_once_in_an_event_and_nowhere_in_its_end() -> None:
    assert stamped_event(1).count(EVENT_MARK) == 1
    assert EVENT_MARK not in stream_end()


def test_an_event_is_one_http_chunk_of_openai_form() -> None:
    size, _, rest = stamped_event(123).partition(b"\r\n")
    event = rest[: int(size, 16)]

    assert rest[len(event) :] == b"\r\n"
    assert json.loads(event.removeprefix(b"data: "))["choices"][0]["delta"] == {
        "content": "~0000000000000000123"
    }


def test_the_times_of_all_whole_events_are_found() -> None:
    assert stamps_in(stamped_event(5) + stamped_event(7)) == [5, 7]


def test_an_event_that_was_cut_in_two_is_left_out() -> None:
    event = stamped_event(5)

    assert stamps_in(event + event[: event.index(EVENT_MARK) + 4]) == [5]


def test_a_stream_ends_with_done_and_the_last_chunk() -> None:
    assert stream_end().endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("index", [0, 17, 4999])
def test_the_upstream_finds_the_index_of_a_stream(index: int) -> None:
    assert stream_index(post("/v1", "host", {}, stream_body("bench-stream", index))) == index


def test_a_call_that_does_not_stream_has_no_index() -> None:
    assert stream_index(post("/v1", "host", {}, chat_body("bench"))) is None


def test_a_request_is_whole_only_with_its_last_byte() -> None:
    request = post("/v1", "host", {"Authorization": "Bearer key"}, b"{}")

    assert [is_whole(request[:length]) for length in (10, len(request) - 1, len(request))] == [
        False,
        False,
        True,
    ]


def test_a_chunked_request_is_whole_with_its_last_chunk() -> None:
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"

    assert not is_whole(head + b"2\r\n{}\r\n")
    assert is_whole(head + b"2\r\n{}\r\n0\r\n\r\n")


def test_an_answer_is_whole_by_either_framing() -> None:
    sized = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"

    assert answer_is_whole(sized)
    assert answer_is_whole(chunked)
    assert not answer_is_whole(sized[:-1])
    assert not answer_is_whole(chunked[:-5])
