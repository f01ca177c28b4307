"""Bodies of callers without a key are not taken in: nobody fills a worker's memory without one."""

from __future__ import annotations

import contextlib
import gzip
import re
import socket
from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.system.edge import a_request, body_of, connected, running_edge, statuses, wait_until
from tests.system.running import Process, an_environment
from turnpike.ports.http import Reply, Request

LARGE = b"x" * 1_000_000
KEY = "a-key-that-is-known-0001"
DOCUMENT = """\
teams:
  - {name: research, models: ["*"]}
keys:
  - {name: app, team: research, secret: "${env:APP_KEY}"}
"""


def a_head(path: str, *lines: str) -> bytes:
    """The head of a request whose large body does not come along."""
    return a_request("POST", path, *lines, body=LARGE)[: -len(LARGE)]


@pytest.mark.parametrize(
    "request_bytes",
    [
        a_head("/stranger"),
        a_head("/stranger") + b"x",
        a_head("/stranger", "expect: 100-continue"),
        a_request("POST", "/stranger", "transfer-encoding: chunked") + b"1\r\na\r\n",
    ],
    ids=["head", "first-byte", "expecting", "chunked"],
)
def test_a_body_is_refused_before_it_comes(request_bytes: bytes) -> None:
    with running_edge() as edge, edge.connect() as wire:
        wire.send(request_bytes)
        told = wire.read_to_end()
        assert statuses(told) == [401]
        assert b"100 Continue" not in told
        assert edge.requests == []


def test_a_body_of_which_much_comes_at_once_is_let_go_of() -> None:
    with running_edge() as edge, edge.connect() as wire:
        wire.send_what_goes(a_request("POST", "/stranger", body=LARGE))
        assert statuses(wire.read_to_end()) == [401]
        wait_until(lambda: edge.read(lambda server: server.buffered_bytes) == 0, "nothing counted")
        assert edge.requests == []


def test_a_packed_body_is_refused_before_it_is_unpacked() -> None:
    """A damaged one shows it: whoever unpacks it says so."""
    with running_edge() as edge, edge.connect() as wire:
        wire.send(a_request("POST", "/stranger", "content-encoding: gzip", body=b"no gzip at all"))
        assert statuses(wire.read_answer()) == [401]
        wire.send(a_request("POST", "/stranger", "content-encoding: gzip", body=gzip.compress(b"{}")))
        assert statuses(wire.read_answer()) == [401]
        assert edge.requests == []


def test_answers_before_it_go_out_first() -> None:
    async def answer_first(request: Request, reply: Reply) -> None:
        reply.whole(200, b"", b"first")

    with running_edge(answers={"/first": answer_first}) as edge, edge.connect() as wire:
        wire.send(a_request("GET", "/first") + a_head("/stranger"))
        assert statuses(wire.read_to_end()) == [200, 401]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("strangers")
    (folder / "turnpike.yaml").write_text(DOCUMENT)
    environ = an_environment(folder / "home", APP_KEY=KEY)
    with Process(["up", "--config", "turnpike.yaml"], environ, folder) as process:
        process.wait_for_words("gateway")
        yield process.url("gateway")


@pytest.mark.parametrize(
    ("path", "line", "status", "code"),
    [
        ("/v1/chat/completions", "x: y", 401, b"missing_key"),
        ("/v1/chat/completions", "authorization: Bearer an-unknown-one", 401, b"invalid_key"),
        ("/v1/messages", "x-api-key: an-unknown-one", 401, b"invalid_key"),
        ("/v1/responses/resp_1/cancel", "x: y", 401, b"missing_key"),
        ("/v1/models", f"authorization: Bearer {KEY}", 405, b"method_not_allowed"),
        ("/nowhere", f"authorization: Bearer {KEY}", 404, b"not_found"),
        ("/livez", "x: y", 405, b"method_not_allowed"),
    ],
)
def test_the_gateway_says_why_in_the_dialect(
    gateway: str, path: str, line: str, status: int, code: bytes
) -> None:
    with connected(gateway) as wire:
        wire.send(a_head(path, line))
        told = wire.read_to_end()
    assert statuses(told) == [status]
    assert b'"code":"%b"' % code in told
    assert (b'"type":"error"' in body_of(told)) is path.startswith("/v1/messages")


@pytest.mark.parametrize(
    ("method", "path", "line", "status"),
    [
        ("GET", "/livez", "x: y", 400),
        ("POST", "/v1/models", "x: y", 405),
        ("GET", "/v1/chat/completions", "x: y", 405),
        ("PUT", "/v1/responses/resp_1", "x: y", 405),
        ("POST", "/v1/chat/completions", "x: y", 401),
        ("POST", "/v1/responses/resp_1/cancel", "x: y", 401),
        ("GET", "/nowhere", "x: y", 404),
        ("GET", "/livez", "content-encoding: identity", 400),
    ],
)
def test_how_the_network_cuts_a_request_does_not_decide_its_answer(
    gateway: str, method: str, path: str, line: str, status: int
) -> None:
    whole = a_request(method, path, line, body=b"{}")
    told = []
    for pieces in ((whole,), (whole[:-2], whole[-2:])):
        with connected(gateway) as wire:
            wire.send(pieces[0])
            if len(pieces) > 1:
                wire.sock.settimeout(0.05)
                with contextlib.suppress(TimeoutError):  # Let the head be looked at by itself.
                    wire.sock.recv(1, socket.MSG_PEEK)
                wire.sock.settimeout(10)
                wire.send_what_goes(pieces[1])
            told += statuses(wire.read_answer())
    assert told == [status, status]


def test_an_address_without_a_body_does_not_mind_an_encoding(gateway: str) -> None:
    with connected(gateway) as wire:
        wire.send(a_request("GET", "/livez", "content-encoding: identity"))
        assert statuses(wire.read_answer()) == [200]


def test_whoever_has_a_key_sends_a_body_of_any_pace(gateway: str) -> None:
    with connected(gateway) as wire:
        wire.send(a_head("/v1/chat/completions", f"authorization: Bearer {KEY}", "expect: 100-continue"))
        assert wire.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send(LARGE)
        told = wire.read_answer()
    assert statuses(told) == [400]
    assert b'"code":"invalid_json"' in told


def test_an_sdk_that_sends_much_with_a_wrong_key_is_told_so(gateway: str) -> None:
    client = openai.OpenAI(base_url=f"{gateway}/v1", api_key="an-unknown-one", max_retries=0)
    with client, pytest.raises(openai.AuthenticationError) as told:
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x" * 20_000_000}])
    assert told.value.code == "invalid_key"


def test_a_refusal_before_the_body_is_a_call_that_was_denied(gateway: str) -> None:
    before = _denied(gateway)
    with connected(gateway) as wire:
        wire.send(a_head("/v1/chat/completions", "x: y"))
        assert b"x-turnpike-call-id: " in wire.read_to_end()
    wait_until(lambda: _denied(gateway) == before + 1, "one more call was denied")


def _denied(gateway: str) -> float:
    metrics = httpx.get(f"{gateway}/metrics").text
    found = re.search(r'^turnpike_calls_total\{.*code="missing_key".*\} (\S+)$', metrics, re.MULTILINE)
    return float(found[1]) if found else 0
