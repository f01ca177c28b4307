"""Ends that the gateway brings about itself: its time is up, or a fault of its own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.playbook.script import (
    CallerGets,
    CallerGetsError,
    CallerSends,
    Ends,
    GatewayCuts,
    Step,
    UpstreamAnswers,
    UpstreamExpects,
    UpstreamFails,
    UpstreamIsLeft,
    UpstreamSends,
    perform,
)
from tests.playbook.stage import CALL_ID, Stage
from turnpike.domain.errors import InternalError
from turnpike.gateway.deadlines import Deadlines
from turnpike.gateway.edge.limits import EdgeLimits
from turnpike.gateway.edge.server import Server, Site
from turnpike.gateway.listing import Listings
from turnpike.gateway.router import Router
from turnpike.ports.http import Reply, Request

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
EVENT_STREAM = {"content-type": "text/event-stream"}
DELTA = b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


def asked(path: str = CHAT, model: str = "gpt", stream: bool = False) -> tuple[Step, ...]:
    """A call that a provider has."""
    provider, name = ("claudes", "claude-sonnet-4-6") if path == MESSAGES else ("first", "gpt-4o-mini")
    body = {"model": model, "stream": stream}
    line = f"POST {path.removeprefix('/v1') if path != MESSAGES else path} HTTP/1.1"
    return CallerSends(path, body), UpstreamExpects(provider, line, {"model": name, "stream": stream})


@pytest.mark.parametrize("path", [CHAT, RESPONSES, MESSAGES])
def test_a_call_that_the_gateway_cuts_is_told_and_counted_as_that(tmp_path: Path, path: str) -> None:
    provider, model = ("claudes", "claude") if path == MESSAGES else ("first", "gpt")
    perform(
        tmp_path,
        *asked(path, model),
        GatewayCuts(),
        CallerGetsError("draining", 503),
        Ends("failed", "draining", ((provider, "failed", "draining"),)),
    )


def test_a_call_cut_amid_the_body_of_its_answer_is_told(tmp_path: Path) -> None:
    perform(
        tmp_path,
        *asked(),
        UpstreamAnswers("first", 200, {"content-type": "application/json"}),
        UpstreamSends(b'{"cho'),
        GatewayCuts(),
        CallerGetsError("draining", 503),
        UpstreamIsLeft(),
        Ends("failed", "draining", (("first", "failed", "draining"),)),
    )


def test_a_stream_that_the_gateway_cuts_ends_in_an_error_event(tmp_path: Path) -> None:
    perform(
        tmp_path,
        *asked(stream=True),
        UpstreamAnswers("first", 200, EVENT_STREAM),
        UpstreamSends(DELTA),
        CallerGets(DELTA, 200, EVENT_STREAM),
        GatewayCuts(),
        CallerGetsError("draining", 200),
        UpstreamIsLeft(),
        Ends("interrupted", "draining", (("first", "interrupted", "draining"),)),
    )


def test_a_stream_that_had_ended_is_whole_all_the_same(tmp_path: Path) -> None:
    perform(
        tmp_path,
        *asked(stream=True),
        UpstreamAnswers("first", 200, EVENT_STREAM),
        UpstreamSends(DELTA + DONE),
        CallerGets(DELTA + DONE, 200, EVENT_STREAM),
        GatewayCuts(),
        UpstreamIsLeft(),
        Ends("succeeded", None, (("first", "succeeded", None),)),
    )


def test_a_fault_of_ours_is_told_logged_and_counted_under_one_id(tmp_path: Path) -> None:
    with capture_logs() as logs:
        perform(
            tmp_path,
            *asked(),
            UpstreamFails("first", ZeroDivisionError("a fault of ours")),
            CallerGetsError("internal_error", 500),
            Ends("failed", "internal_error"),
        )
    assert [(log["event"], log["call"]) for log in logs] == [("call.fault", CALL_ID)]


def test_a_fault_outside_of_a_call_is_logged_under_the_id_that_is_told(tmp_path: Path) -> None:
    async def faulty(request: Request, reply: Reply) -> None:
        raise ZeroDivisionError("a fault of ours")

    async def answered() -> bytes:
        stage = Stage(tmp_path)
        router = Router(stage.road, Listings(), frozenset())
        site = Site(faulty, router.render_error, router.admit)
        server = Server(site, EdgeLimits(), stage.road.clock, Deadlines())
        async with asyncio.TaskGroup() as group:
            port = await server.listen(group, "127.0.0.1", 0)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /v1/models HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            answer = await reader.read()
            writer.close()
            await server.close()
        await stage.close()
        return answer

    with capture_logs() as logs:
        head, _, body = asyncio.run(answered()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 ")
    assert json.loads(body)["error"]["code"] == InternalError.code
    assert f"x-turnpike-call-id: {CALL_ID}\r\n".encode() in head
    assert [(log["event"], log["call"]) for log in logs] == [("edge.fault", CALL_ID)]


@pytest.mark.parametrize(
    ("status", "headers", "body", "code", "level"),
    [
        (200, {"content-type": "text/html; x=canary"}, b"<html>canary</html>", "upstream_invalid", "warning"),
        (500, {"content-type": "application/json"}, b'{"error":"canary"}', "upstream_failed", "warning"),
        (503, {"content-type": "text/html"}, b"<html>canary</html>", "upstream_failed", "warning"),
        (429, {"content-type": "text/plain"}, b"canary", "upstream_rate_limited", "warning"),
        (401, {"content-type": "application/json"}, b'{"error":"canary"}', "upstream_unauthorized", "error"),
    ],
)
def test_a_fault_of_the_providers_is_logged_under_the_calls_id(
    tmp_path: Path, status: int, headers: dict[str, str], body: bytes, code: str, level: str
) -> None:
    with capture_logs() as logs:
        perform(
            tmp_path,
            *asked(),
            UpstreamAnswers("first", status, headers),
            UpstreamSends(body),
            UpstreamSends(b""),
        )
    (line,) = logs
    assert "canary" not in str(line)
    assert (line["event"], line["log_level"], line["call"], line["code"]) == (
        "call.failed",
        level,
        CALL_ID,
        code,
    )
    assert (line["provider"], line["model"], line["upstream_status"]) == ("first", "gpt-4o-mini", status)


def test_a_cut_stream_is_logged_and_a_refusal_of_the_callers_request_only_for_debugging(
    tmp_path: Path,
) -> None:
    with capture_logs() as logs:
        perform(
            tmp_path,
            *asked(stream=True),
            UpstreamAnswers("first", 200, EVENT_STREAM),
            UpstreamSends(DELTA),
            UpstreamSends(b""),
            CallerSends(CHAT, {"model": "canary"}),
            *asked(stream=True),
            UpstreamAnswers("first", 200, EVENT_STREAM),
            UpstreamSends(b""),
        )
    assert [(line["event"], line["log_level"], line["code"]) for line in logs] == [
        ("call.failed", "warning", "upstream_interrupted"),
        ("call.refused", "debug", "model_not_found"),
        ("call.failed", "warning", "upstream_invalid"),
    ]
    assert "canary" not in str(logs)


def test_of_many_faults_the_first_is_logged(tmp_path: Path) -> None:
    failing = (*asked(), UpstreamAnswers("first", 500), UpstreamSends(b"{}"), UpstreamSends(b""))
    with capture_logs() as logs:
        perform(tmp_path, *failing, *failing, *failing)
    assert [(line["code"], line["left_out"]) for line in logs] == [("upstream_failed", 0)]


def test_an_error_of_ours_says_which_target_was_tried_last(tmp_path: Path) -> None:
    target = {"x-turnpike-target": "first/gpt-4o-mini", "x-turnpike-attempts": "1"}
    said = "The provider's answer is not JSON (JSON is malformed: invalid character (byte 0)). It came from the provider first: status 200, an HTML page."
    perform(
        tmp_path,
        *asked(),
        UpstreamAnswers("first", 200, {"content-type": "text/html"}),
        UpstreamSends(b"<html>"),
        UpstreamSends(b""),
        CallerGets(
            json.dumps(
                {
                    "error": {
                        "message": said,
                        "type": "server_error",
                        "param": None,
                        "code": "upstream_invalid",
                    }
                },
                separators=(",", ":"),
            ).encode(),
            502,
            target,
        ),
    )
