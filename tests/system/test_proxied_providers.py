"""Providers behind an HTTP proxy: asked for by its rules, with its credential, which goes no further."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.system.authority import Authority
from tests.system.parts import ANSWER, good, told
from tests.system.road import CREDENTIAL, Document, Road
from tests.system.upstream import Received, Upstream, an_upstream, read_request

PROXY_CREDENTIAL = "proxy-user:proxy-password-canary"
PROXY_AUTHORIZATION = f"Basic {base64.b64encode(PROXY_CREDENTIAL.encode()).decode()}"
CASE = "proxied"


class Proxies:
    """A proxy for plain HTTP, one that opens tunnels, one that refuses; and what the tunnels were asked for."""

    def __init__(self, plain: Upstream, tunnels: Upstream, asked: list[Received]) -> None:
        self.plain = plain
        self.tunnels = tunnels
        self.asked = asked


@pytest.fixture(scope="module")
def proxies(road: Road, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxies]:
    authority = Authority(tmp_path_factory.mktemp("proxy"))
    asked: list[Received] = []

    def open_tunnel(connection: socket.socket) -> socket.socket:
        asked.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return authority.wrap(connection)

    def refuse(connection: socket.socket) -> socket.socket:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
        return connection

    with ExitStack() as opened:
        plain = opened.enter_context(an_upstream())
        tunnels = opened.enter_context(an_upstream(open_tunnel))
        refusing = opened.enter_context(an_upstream(refuse))
        plain.plays(CASE, good)
        tunnels.plays(CASE, good)
        road.apply("proxied", document(plain, tunnels, refusing, str(authority.file)))
        yield Proxies(plain, tunnels, asked)
        road.apply("proxied", {})


def document(plain: Upstream, tunnels: Upstream, refusing: Upstream, authority: str) -> Document:
    """Providers that can be reached through their proxy only: their names and ports lead nowhere."""
    behind = {
        "plain": {"base_url": "http://provider.invalid/v1", "proxy": with_credential(plain)},
        "tunnel": {"base_url": "https://localhost:1/v1", "proxy": with_credential(tunnels)},
        "refused": {"base_url": "https://localhost:1/v1", "proxy": with_credential(refusing)},
        "nowhere": {"base_url": "https://localhost:1/v1", "proxy": f"http://{PROXY_CREDENTIAL}@127.0.0.1:1"},
    }
    common = {
        "kind": "openai-compatible",
        "credential": CREDENTIAL,
        "tls": {"ca_file": authority},
        "retries": 0,
    }
    return {
        "providers": [{"name": name, **common, **own} for name, own in behind.items()],
        "models": [{"name": f"{name}/*", "targets": [{"provider": name, "model": "*"}]} for name in behind],
    }


def with_credential(proxy: Upstream) -> str:
    return proxy.url.replace("http://", f"http://{PROXY_CREDENTIAL}@")


def test_plain_http_is_asked_for_by_its_whole_address(road: Road, proxies: Proxies) -> None:
    assert road.chat(CASE, "plain/m").content == ANSWER
    received = proxies.plain.received[CASE][-1]
    assert (received.method, received.target) == ("POST", "http://provider.invalid/v1/chat/completions")
    assert received.headers["host"] == "provider.invalid"
    assert received.headers["proxy-authorization"] == PROXY_AUTHORIZATION
    assert received.headers["authorization"] == f"Bearer {CREDENTIAL}"


def test_https_goes_through_a_tunnel_that_sees_neither_credential_nor_body(
    road: Road, proxies: Proxies
) -> None:
    assert road.chat(CASE, "tunnel/m").content == ANSWER
    asked, received = proxies.asked[-1], proxies.tunnels.received[CASE][-1]
    assert (asked.method, asked.target) == ("CONNECT", "localhost:1")
    assert asked.headers["proxy-authorization"] == PROXY_AUTHORIZATION
    assert "authorization" not in asked.headers
    assert received.target == "/v1/chat/completions"
    assert "proxy-authorization" not in received.headers


def test_a_tunnel_is_kept_between_calls(road: Road, proxies: Proxies) -> None:
    road.chat(CASE, "tunnel/m")
    before = proxies.tunnels.connections
    assert road.chat(CASE, "tunnel/m").content == ANSWER
    assert proxies.tunnels.connections == before


@pytest.mark.usefixtures("proxies")
@pytest.mark.parametrize(("provider", "words"), [("refused", "407"), ("nowhere", "refused")])
def test_a_proxy_that_refuses_or_is_not_there_is_told_without_its_credential(
    road: Road, provider: str, words: str
) -> None:
    answer = road.chat(CASE, f"{provider}/m")
    assert told(answer) == (502, "upstream_failed")
    assert words in answer.json()["error"]["message"]
    assert "canary" not in answer.text


@pytest.mark.usefixtures("proxies")
def test_the_proxys_password_stands_in_no_export(road: Road) -> None:
    assert "canary" not in road.command("export").stdout
