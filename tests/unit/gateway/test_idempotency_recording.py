"""The reply that remembers: it changes nothing for the caller, and keeps to its bounds."""

from __future__ import annotations

from tests.unit.gateway.keyed_calls import HeardReply
from turnpike.gateway.idempotency.recording import Memory, Recorded, Recording

HEAD = b"content-type: x\r\n"


def test_a_whole_answer_waits_to_be_released() -> None:
    reply = HeardReply()
    recording = Recording(reply, Memory())
    recording.whole(502, HEAD, b"body")
    assert (recording.begun, reply.begun) == (True, False)
    recording.release()
    assert (reply.status, reply.head, reply.body) == (502, HEAD, b"body")


def test_a_whole_answer_beyond_the_bound_is_given_all_the_same() -> None:
    reply = HeardReply()
    recording = Recording(reply, Memory(each_max=10))
    recording.whole(200, HEAD, b"more than ten bytes")
    recording.release()
    assert recording.recorded() is None
    assert reply.body == b"more than ten bytes"


def test_answers_share_the_memory_of_a_worker() -> None:
    memory = Memory(each_max=100, total_max=150)
    first, second = Recording(HeardReply(), memory), Recording(HeardReply(), memory)
    first.whole(200, b"", bytes(100))
    second.whole(200, b"", bytes(100))
    assert first.recorded() is not None
    assert second.recorded() is None
    first.forget()
    third = Recording(HeardReply(), memory)
    third.whole(200, b"", bytes(100))
    assert third.recorded() is not None


def test_only_the_first_answer_counts() -> None:
    reply = HeardReply()
    recording = Recording(reply, Memory())
    recording.whole(200, HEAD, b"first")
    recording.whole(500, HEAD, b"second")
    recording.begin(500, HEAD)
    recording.write(b"third")
    recording.release()
    assert recording.recorded() == Recorded(False, 200, HEAD, b"first")
    assert reply.body == b"first"
