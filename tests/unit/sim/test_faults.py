"""Delays, faults and odd bodies, each where and how it was wished for."""

from __future__ import annotations

import asyncio
import gzip
import io

import pytest
import zstandard

from tests.unit.sim.stage import Recorded, Stage, a_request
from turnpike.sim.play import FLUSH_SECONDS, LONGEST_HANG_SECONDS
from turnpike.sim.settings import SimSettings
from turnpike.sim.steering import Steering

STREAM = {"stream": True}


def test_without_wishes_nothing_waits_and_every_event_is_a_piece() -> None:
    stage = Stage()
    reply = stage.chat(more=STREAM)
    assert stage.slept == []
    assert reply.ending == "end"
    assert len(reply.pieces) == len(reply.events)


def test_latency_and_pace_are_kept() -> None:
    stage = Stage()
    wishes = {"x_sim_latency_ms": "50", "x_sim_first_event_ms": "20", "x_sim_tokens_per_second": "10"}
    tokens = stage.chat(more=STREAM).pieces
    stage.chat(more=STREAM, **wishes)
    assert stage.slept[:3] == [0.05, 0.02, 0.1]
    assert sum(stage.slept) == pytest.approx(0.07 + 0.1 * (len(tokens) - 3))


def test_a_whole_answer_takes_as_long_as_its_tokens() -> None:
    stage = Stage()
    stage.chat(x_sim_tokens_per_second="100", x_sim_output_tokens="50")
    assert stage.slept == [0.5]


@pytest.mark.parametrize("events", [0, 1, 3])
def test_a_stream_is_cut_after_so_many_events_in_good_http_order(events: int) -> None:
    stage = Stage()
    whole, cut = stage.chat(more=STREAM), stage.chat(more=STREAM, x_sim_cut_after_events=str(events))
    assert cut.pieces == whole.pieces[:events]
    assert cut.ending == "end"


def test_a_stream_is_cut_inside_an_event() -> None:
    stage = Stage()
    cut = stage.message(more=STREAM, x_sim_cut_after_bytes="777")
    assert cut.body == stage.message(more=STREAM).body[:777]


def test_a_cut_before_the_terminator_leaves_out_only_that() -> None:
    stage = Stage()
    assert [value for _, value in stage.chat(more=STREAM, x_sim_cut="terminator").events][-1] != "[DONE]"
    assert stage.message(more=STREAM, x_sim_cut="terminator").events[-1][0] == "message_delta"
    assert stage.respond(more=STREAM, x_sim_cut="terminator").events[-1][0] == "response.output_item.done"


@pytest.mark.parametrize("place", ["headers", "body", "middle", "terminator"])
@pytest.mark.parametrize(("header", "slept"), [("reset", FLUSH_SECONDS), ("hang", LONGEST_HANG_SECONDS)])
def test_resets_and_hangs_come_at_their_place(place: str, header: str, slept: float) -> None:
    stage = Stage()
    whole = stage.chat(more=STREAM)
    reply = stage.chat(more=STREAM, **{f"x_sim_{header}": place})
    expected = {"headers": 0, "body": 0, "middle": len(whole.body) // 2, "terminator": len(whole.body) - 14}
    assert reply.begun == (place != "headers")
    assert len(reply.body) == expected[place]
    assert (reply.ending, stage.slept) == ("reset", [slept])


def test_a_whole_answer_can_be_cut_as_well() -> None:
    stage = Stage()
    whole, cut = stage.chat(), stage.chat(x_sim_cut="middle", x_sim_cut_how="reset")
    assert cut.body == whole.body[: len(whole.body) // 2]
    assert cut.ending == "reset"


def test_an_error_in_the_middle_of_a_stream_has_the_dialects_form() -> None:
    stage = Stage()
    wish = {"x_sim_error_after_events": "2"}
    chat, message, response = (
        send(more=STREAM, **wish).events[-1] for send in (stage.chat, stage.message, stage.respond)
    )
    assert (chat[0], chat[1]["error"]["type"]) == ("", "server_error")
    assert (message[0], message[1]["error"]["type"]) == ("error", "overloaded_error")
    assert (response[0], response[1]["type"], response[1]["sequence_number"]) == ("error", "error", 2)


def test_odd_bodies_come_with_status_200() -> None:
    stage = Stage()
    page = stage.chat(more=STREAM, x_sim_body="html")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (stage.chat(x_sim_body="empty").status, stage.chat(x_sim_body="empty").body) == (200, b"")
    assert stage.chat(more=STREAM, x_sim_body="empty").body == b""
    broken = stage.chat(x_sim_body="broken-json")
    assert broken.status == 200
    assert not broken.body.endswith(b"}")


def test_a_page_in_place_of_an_error_keeps_its_status() -> None:
    page = Stage().chat(x_sim_body="html", x_sim_error="502")
    assert (page.status, page.headers["content-type"]) == (502, "text/html; charset=utf-8")


def test_pieces_may_fall_anywhere_and_comments_between_events() -> None:
    stage = Stage()
    whole = stage.chat("“Grüße”", STREAM)
    split = stage.chat("“Grüße”", STREAM, x_sim_write_bytes="7")
    commented = stage.chat("“Grüße”", STREAM, x_sim_comment_every_events="2")
    assert split.body == whole.body
    assert {len(piece) for piece in split.pieces[:-1]} == {7}
    assert commented.body.count(b": simulated by turnpike sim\n\n") == (len(whole.pieces) + 1) // 2
    assert commented.events == whole.events


def test_packed_bodies_unpack_to_the_same() -> None:
    stage = Stage()
    whole = stage.chat(more=STREAM).body
    packed = stage.chat(more=STREAM, x_sim_encoding="gzip")
    reader = zstandard.ZstdDecompressor().stream_reader(
        io.BytesIO(stage.chat(more=STREAM, x_sim_encoding="zstd").body)
    )
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == whole
    assert reader.read() == whole
    assert gzip.decompress(stage.chat(x_sim_encoding="gzip").body) == stage.chat().body


def test_unknown_fields_and_events_are_added_where_wished() -> None:
    stage = Stage()
    assert "x_sim_unknown" in stage.message(x_sim_extras="true").json
    assert "x_sim_unknown" in [name for name, _ in stage.message(more=STREAM, x_sim_extras="true").events]
    assert stage.respond(more=STREAM, x_sim_extras="true").events[-1][0] == "response.completed"


def test_a_fault_ends_after_so_many_calls_of_a_case() -> None:
    stage = Stage()
    wish = {"x_sim_error": "503", "x_sim_fault_times": "2"}
    assert [stage.chat(**wish, x_sim_case="a").status for _ in range(3)] == [503, 503, 200]
    assert stage.chat(**wish, x_sim_case="b").status == 503


def test_a_share_of_the_calls_is_met_the_same_calls_each_time() -> None:
    settings = SimSettings(steering=Steering(error=500, fault_share=0.3))
    runs = []
    for _ in range(2):
        stage = Stage(settings)
        runs.append([stage.chat().status for _ in range(100)])
    assert runs[0] == runs[1]
    assert 15 <= runs[0].count(500) <= 45


def test_a_slow_reader_is_waited_for() -> None:
    class Slow(Recorded):
        waits = 0

        def write(self, data: bytes) -> None:
            super().write(data)
            self.congested = True

        async def drained(self) -> None:
            self.waits += 1
            self.congested = False

    reply = Slow()
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    asyncio.run(Stage().simulation(a_request("/v1/chat/completions", body), reply))
    assert reply.waits == len(reply.pieces) - 1
