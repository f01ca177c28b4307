"""Calls through an HTTP proxy: absolute addresses for http, tunnels for https, its credential for it alone."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from tests.system.authority import Authority
from tests.system.parts import ANSWER, good, told
from tests.system.road import Road
from tests.system.upstream import Exchange, Upstream, an_upstream

CREDENTIAL = "Basic " + base64.b64encode(b"user:pass-canary").decode()


@pytest.fixture(scope="module")
def proxied(road: Road, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """A proxy, and providers behind it."""
    authority = Authority(tmp_path_factory.mktemp("tls"))
    with ExitStack() as stack:
        proxy = stack.enter_context(an_upstream())
        secure = stack.enter_context(an_upstream(authority.wrap))
        port = int(secure.url.rpartition(":")[2])
        secure.plays("behind", good)
        proxy.plays("plain", good)
        proxy.plays("", lambda exchange: tunnel(exchange, port))
        address = proxy.url.replace("http://", "http://user:pass-canary@")
        tls = {"ca_file": str(authority.file)}
        addresses: dict[str, dict[str, Any]] = {
            "plain": {"base_url": "http://provider.example/v1", "proxy": address},
            "secure": {"base_url": f"https://localhost:{port}/v1", "proxy": address, "tls": tls},
            "refused": {"base_url": "https://forbidden.example/v1", "proxy": address, "retries": 0},
            "no-proxy": {"base_url": "https://localhost/v1", "proxy": "http://127.0.0.1:9", "retries": 0},
        }
        road.apply(
            "proxies",
            {
                "providers": [
                    {"name": n, "kind": "openai-compatible", "credential": "sk-proxied", **a}
                    for n, a in addresses.items()
                ],
                "models": [{"name": f"{n}/*", "targets": [{"provider": n, "model": "*"}]} for n in addresses],
            },
        )
        yield proxy
        road.apply("proxies", {})


def tunnel(exchange: Exchange, port: int) -> None:
    """Open the tunnel that CONNECT asks for, where the name is allowed, and carry bytes both ways."""
    exchange.open = False
    if exchange.request.target.startswith("forbidden"):
        exchange.send(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
        return
    with socket.create_connection(("127.0.0.1", port)) as onward:
        exchange.send(b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n")
        back = threading.Thread(target=carry, args=(onward, exchange.connection), daemon=True)
        back.start()
        carry(exchange.connection, onward)
        back.join(10)


def carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def test_an_http_provider_is_asked_for_by_its_whole_address(road: Road, proxied: Upstream) -> None:
    assert road.chat("plain", "plain/m").content == ANSWER
    (received,) = proxied.received["plain"]
    assert received.target == "http://provider.example/v1/chat/completions"
    assert received.headers["host"] == "provider.example"
    assert received.headers["proxy-authorization"] == CREDENTIAL
    assert received.headers["authorization"] == "Bearer sk-proxied"


def test_an_https_provider_is_reached_through_a_tunnel_that_sees_nothing(
    road: Road, proxied: Upstream
) -> None:
    for _ in range(3):
        assert road.chat("behind", "secure/m").content == ANSWER
    opened = [received for received in proxied.received[""] if received.target.startswith("localhost")]
    assert len(opened) == 1
    assert (opened[0].method, opened[0].headers["proxy-authorization"]) == ("CONNECT", CREDENTIAL)
    assert "authorization" not in opened[0].headers


@pytest.mark.usefixtures("proxied")
def test_a_proxy_that_refuses_or_is_not_there_is_told_without_its_credential(road: Road) -> None:
    for model, words in (("refused/m", "the proxy says 'HTTP/1.1 403 Forbidden'"), ("no-proxy/m", "refused")):
        answer = road.chat("", model)
        assert told(answer) == (502, "upstream_failed")
        assert words in answer.json()["error"]["message"]
        assert "canary" not in answer.text
