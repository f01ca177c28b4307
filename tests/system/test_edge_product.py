"""The edge as the product sets it up: limits and origins by setting, errors in each SDK's dialect."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.edge import a_request, body_of, connected, statuses
from tests.system.running import Process, an_environment

ORIGIN = "https://app.test"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("edge")
    environ = an_environment(
        folder / "home",
        TURNPIKE_EDGE_HEAD_BYTES="2000",
        TURNPIKE_EDGE_BODY_BYTES="1000",
        TURNPIKE_EDGE_HEAD_SECONDS="0.5",
        TURNPIKE_CORS_ORIGINS=ORIGIN,
    )
    with Process(["up"], environ, folder) as process:
        process.wait_for_words("gateway")
        yield process.url("gateway")


@pytest.mark.parametrize(
    ("path", "mark"),
    [("/v1/chat/completions", b'{"error":{'), ("/v1/messages", b'{"type":"error"')],
)
def test_a_refusal_of_the_edge_carries_a_call_id_and_the_dialect(
    gateway: str, path: str, mark: bytes
) -> None:
    for request, status, code in (
        (a_request("POST", path, "x: " + "y" * 3000), 431, b"headers_too_large"),
        (a_request("POST", path, body=b"x" * 1001), 413, b"payload_too_large"),
        (a_request("POST", path, "content-encoding: br", body=b"x"), 415, b"unsupported_media_type"),
        (a_request("POST", path, "expect: tea", body=b"x"), 417, b"expectation_failed"),
        (f"POST {path} HTTP/1.1\r\nhost: a\r\n".encode(), 408, b"request_timeout"),
    ):
        with connected(gateway) as wire:
            wire.send_what_goes(request)
            told = wire.read_to_end()
        assert statuses(told) == [status]
        assert b"x-turnpike-call-id: " in told
        assert body_of(told).startswith(mark)
        assert b'"code":"%b"' % code in told


def test_a_page_of_a_named_origin_may_call(gateway: str) -> None:
    with connected(gateway) as wire:
        wire.send(
            a_request(
                "OPTIONS",
                "/v1/chat/completions",
                f"origin: {ORIGIN}",
                "access-control-request-method: POST",
                "access-control-request-headers: authorization, content-type",
            )
        )
        told = wire.read_until(b"\r\n\r\n")
        assert statuses(told) == [204]
        assert told.count(f"access-control-allow-origin: {ORIGIN}\r\n".encode()) == 1
        assert b"access-control-allow-headers: authorization, content-type\r\n" in told
        assert b"POST" in told
        for request, status in (
            (a_request("GET", "/livez", f"origin: {ORIGIN}"), 200),
            (a_request("GET", "/v1/models", f"origin: {ORIGIN}"), 401),
            (a_request("POST", "/v1/messages", f"origin: {ORIGIN}", body=b"{}"), 401),
            (a_request("POST", "/v1/messages", f"origin: {ORIGIN}", body=b"x" * 1001), 413),
        ):
            wire.send_what_goes(request)
            told = wire.read_answer()
            assert statuses(told) == [status]
            assert told.count(f"access-control-allow-origin: {ORIGIN}\r\n".encode()) == 1


def test_a_page_of_another_origin_may_not(gateway: str) -> None:
    with connected(gateway) as wire:
        wire.send(a_request("OPTIONS", "/v1/chat/completions", "origin: https://evil.test"))
        told = wire.read_until(b"\r\n\r\n")
        assert statuses(told) == [204]
        assert b"access-control-allow-origin" not in told
