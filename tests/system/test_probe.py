"""The doctor's question to a provider goes the way that calls take."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.system.authority import Authority
from tests.unit.gateway.test_provision_secrets import OpenSeal
from turnpike.domain.snapshot import Provider, Tls
from turnpike.gateway.probe import Probed, Prober
from turnpike.providers.table import PROVIDERS

Answering = Callable[[socket.socket], None]
FINE = b"HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 2\r\n\r\n{}"


class Listener:
    """Takes connections one after the other and answers each; `heads` is what came first on each."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.heads: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            with connection:
                connection.settimeout(10)
                self.heads.append(connection.recv(65_536))
                if not self.heads[-1]:
                    return
                self._answering(connection)

    def stop(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.shutdown(socket.SHUT_WR)
            self._thread.join(10)
        self._socket.close()


@contextmanager
def listening(answering: Answering) -> Iterator[Listener]:
    listener = Listener(answering)
    try:
        yield listener
    finally:
        listener.stop()


def saying(data: bytes) -> Answering:
    return lambda connection: connection.sendall(data)


def asked(provider: Provider) -> Probed:
    async def ask() -> Probed:
        return await Prober(PROVIDERS, OpenSeal()).ask(provider)

    return asyncio.run(ask())


def a_provider(url: str, **own: object) -> Provider:
    return Provider("p", "openai-compatible", url, **own)  # type: ignore[arg-type]  # the test names fields of Provider


def test_it_asks_with_the_credential_and_secret_headers_and_reads_the_providers_clock() -> None:
    with listening(saying(FINE)) as listener:
        probed = asked(
            a_provider(
                f"http://127.0.0.1:{listener.port}/v1",
                credentials=(b"credential:sk-1",),
                sealed_headers=(("x-token", b"credential:t"),),
            )
        )
    assert probed == Probed("fine", "it answers and takes the credential", 784111777.0)
    assert listener.heads[0].startswith(b"GET /v1/models HTTP/1.1\r\n")
    assert b"\r\nauthorization: Bearer sk-1\r\n" in listener.heads[0]
    assert b"\r\nx-token: t\r\n" in listener.heads[0]


def test_a_proxy_is_asked_plainly_for_a_provider_of_plain_http() -> None:
    with listening(saying(FINE)) as proxy:
        sealed = f"credential:http://u:p@127.0.0.1:{proxy.port}".encode()
        assert asked(a_provider("http://provider.invalid/v1", sealed_proxy=sealed)).reach == "fine"
    (head,) = proxy.heads[:1]
    assert head.startswith(b"GET http://provider.invalid/v1/models HTTP/1.1\r\n")
    assert b"\r\nproxy-authorization: Basic dTpw\r\n" in head


def test_a_proxy_is_asked_for_a_tunnel_to_a_provider_of_https() -> None:
    with listening(saying(b"HTTP/1.1 403 Forbidden\r\n\r\n")) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        probed = asked(a_provider("https://provider.invalid/v1", proxy=url))
    assert proxy.heads[0].startswith(b"CONNECT provider.invalid:443 HTTP/1.1\r\n")
    assert probed.reach == "unreachable"
    assert "the proxy says" in probed.says


@pytest.mark.parametrize(
    ("answer", "reach"),
    [
        (b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n", "refused"),
        (b"HTTP/1.1 429 Slow\r\ncontent-length: 0\r\n\r\n", "limited"),
        (b"HTTP/1.1 404 None\r\ndate: soon\r\ncontent-length: 0\r\n\r\n", "absent"),
        (b"not HTTP\r\n\r\n", "unreachable"),
        (b"", "unreachable"),
    ],
)
def test_what_it_answers_is_judged(answer: bytes, reach: str) -> None:
    with listening(saying(answer)) as listener:
        assert asked(a_provider(f"http://127.0.0.1:{listener.port}")).reach == reach


def test_a_certificate_that_is_not_trusted_is_told_from_a_provider_out_of_reach(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        answering = threading.Thread(target=answer_over_tls, args=(server, authority, 2))
        answering.start()
        strange = asked(a_provider(f"https://localhost:{port}"))
        known = asked(a_provider(f"https://localhost:{port}", tls=Tls(str(authority.file))))
        answering.join(10)
    assert (strange.reach, known.reach) == ("certificate", "fine")
    assert asked(a_provider(f"https://localhost:{port}")).reach == "unreachable"


def answer_over_tls(server: socket.socket, authority: Authority, count: int) -> None:
    for _ in range(count):
        plain, _ = server.accept()
        plain.settimeout(10)
        try:
            with authority.wrap(plain) as secured:
                secured.recv(65_536)
                secured.sendall(FINE)
        except OSError:
            plain.close()


@pytest.mark.parametrize("field", ["ca_file", "client_certificate"])
def test_a_pipe_in_a_files_place_does_not_hold_it_up(tmp_path: Path, field: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    probed = asked(a_provider("https://127.0.0.1:9", tls=Tls(**{field: str(tmp_path / "pipe")})))
    assert probed.reach == "certificate"
    assert f"{tmp_path / 'pipe'}: not a regular file" in probed.says


def test_a_credential_sealed_under_another_key_is_a_finding_of_its_own() -> None:
    probed = asked(a_provider("http://127.0.0.1:9", credentials=(b"other:sk-1",)))
    assert probed.reach == "refused"
    assert "sealed under another master key" in probed.says
