"""System: calls in flight when Turnpike is told to stop."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.system.running import BOUND_SECONDS, Process, an_environment, status_of, wait_until

KEY = "an-administrators-key-1"
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "small",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "at last"}}
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}


STREAMS = {
    "chat": (
        "/v1/chat/completions",
        "openai-compatible",
        b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n',
    ),
    "messages": ("/v1/messages", "anthropic", b'event: ping\ndata: {"type": "ping"}\n\n'),
}


class SlowVendor:
    """A provider that answers when the test lets it; where it has a first event, with that one before."""

    def __init__(self) -> None:
        self.first_event = b""
        self.asked = threading.Event()
        self.let_go = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._answering())
        # Closing the server waits for those who answer, so that no socket outlives the test.
        self.server.daemon_threads = False
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"

    def _answering(self) -> type[BaseHTTPRequestHandler]:
        vendor = self

        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                if vendor.first_event:
                    self.send_response(200)
                    self.send_header("content-type", "text/event-stream")
                    self.end_headers()
                    self.wfile.write(vendor.first_event)
                    self.close_connection = True
                vendor.asked.set()
                vendor.let_go.wait(BOUND_SECONDS)
                if vendor.first_event:
                    return
                body = json.dumps(ANSWER).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                with contextlib.suppress(OSError):
                    self.end_headers()
                    self.wfile.write(body)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                return

        return Answering


@pytest.fixture
def vendor() -> Iterator[SlowVendor]:
    slow = SlowVendor()
    thread = threading.Thread(target=slow.server.serve_forever, daemon=True)
    thread.start()
    yield slow
    slow.let_go.set()
    slow.server.shutdown()
    slow.server.server_close()


class Call:
    """A call that runs beside the test."""

    def __init__(self, gateway: str, path: str = "/v1/chat/completions", stream: bool = False) -> None:
        self.answer: bytes | None = None
        self.fault: str | None = None
        self.status: int | None = None
        self.code: str | None = None
        self.begun = threading.Event()
        self._url = gateway + path
        self._stream = stream
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        ask = [{"role": "user", "content": "hi"}]
        body = {"model": "local/small", "messages": ask, "stream": self._stream}
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=BOUND_SECONDS) as response:
                self.begun.set()
                self.answer = response.read()
        except urllib.error.HTTPError as refused:
            with refused:
                self.fault = str(refused)
                self.status, self.code = refused.code, json.load(refused)["error"]["code"]
        except OSError as fault:
            self.fault = str(fault)

    def ended(self) -> None:
        self._thread.join(BOUND_SECONDS)


@pytest.fixture
def up(tmp_path: Path, vendor: SlowVendor) -> Iterator[Process]:
    (tmp_path / "turnpike.yaml").write_text(
        f'providers: [{{name: local, kind: openai-compatible, base_url: "{vendor.url}"}}]\n'
        'models: [{name: "local/*", targets: [{provider: local, model: "*"}]}]\n'
    )
    environ = an_environment(tmp_path / "home", TURNPIKE_ADMIN_KEY=KEY, TURNPIKE_DRAIN_SECONDS="5")
    with Process(["up"], environ, tmp_path) as process:
        process.wait_for_words("Ctrl-C stops it")
        yield process


def test_a_call_in_flight_is_finished_and_no_new_one_is_taken(up: Process, vendor: SlowVendor) -> None:
    gateway = up.url("gateway")
    call = Call(gateway)
    assert vendor.asked.wait(BOUND_SECONDS)
    up.send(signal.SIGTERM)
    wait_until(lambda: status_of(gateway + "/readyz") == 503, "readyz turns")
    assert status_of(gateway + "/v1/models", KEY) == 503
    vendor.let_go.set()
    call.ended()
    assert call.answer == json.dumps(ANSWER).encode(), (call.fault, up.account)
    assert up.ended() == 0


def test_a_call_that_outlasts_the_bound_is_cut_told_and_the_end_is_still_in_good_order(
    tmp_path: Path, vendor: SlowVendor
) -> None:
    (tmp_path / "turnpike.yaml").write_text(
        f'providers: [{{name: local, kind: openai-compatible, base_url: "{vendor.url}"}}]\n'
        'models: [{name: "local/*", targets: [{provider: local, model: "*"}]}]\n'
    )
    environ = an_environment(tmp_path / "home", TURNPIKE_ADMIN_KEY=KEY, TURNPIKE_DRAIN_SECONDS="0.3")
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
        call = Call(up.url("gateway"))
        assert vendor.asked.wait(BOUND_SECONDS)
        up.send(signal.SIGTERM)
        assert up.ended() == 0
        call.ended()
        assert (call.status, call.code) == (503, "draining"), call.fault


@pytest.mark.parametrize("surface", ["chat", "messages"])
def test_a_stream_that_outlasts_the_bound_ends_in_an_error_event(
    tmp_path: Path, vendor: SlowVendor, surface: str
) -> None:
    path, kind, event = STREAMS[surface]
    vendor.first_event = event
    base = vendor.url if kind == "openai-compatible" else vendor.url.removesuffix("/v1")
    (tmp_path / "turnpike.yaml").write_text(
        f'providers: [{{name: local, kind: {kind}, base_url: "{base}", credential: sk}}]\n'
        'models: [{name: "local/*", targets: [{provider: local, model: "*"}]}]\n'
    )
    environ = an_environment(tmp_path / "home", TURNPIKE_ADMIN_KEY=KEY, TURNPIKE_DRAIN_SECONDS="0.3")
    with Process(["up"], environ, tmp_path) as up:
        up.wait_for_words("Ctrl-C stops it")
        call = Call(up.url("gateway"), path, stream=True)
        assert vendor.asked.wait(BOUND_SECONDS)
        assert call.begun.wait(BOUND_SECONDS)
        up.send(signal.SIGTERM)
        assert up.ended() == 0
        call.ended()
    assert call.answer is not None, call.fault
    first, last = call.answer.split(b"\n\n")[:2]
    assert first + b"\n\n" == event
    assert json.loads(last.partition(b"data: ")[2])["error"]["code"] == "draining"


def test_a_second_ctrl_c_does_not_wait_for_calls_in_flight(up: Process, vendor: SlowVendor) -> None:
    call = Call(up.url("gateway"))
    assert vendor.asked.wait(BOUND_SECONDS)
    up.send(signal.SIGINT)
    up.wait_for_words("stopping")
    up.send(signal.SIGINT)
    assert up.ended() == 130
    call.ended()
    assert call.fault is not None


def test_a_worker_killed_with_a_call_in_flight_leaves_the_port_served(
    up: Process, vendor: SlowVendor
) -> None:
    call = Call(up.url("gateway"))
    assert vendor.asked.wait(BOUND_SECONDS)
    victim = up.pid_of("gateway-0")
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    up.wait_for_event("role.died")
    wait_until(lambda: status_of(up.url("gateway") + "/v1/models", KEY) == 200, "the gateway serves again")
    call.ended()
    assert call.fault is not None
