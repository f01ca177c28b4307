"""The doctor's question goes the way that calls take."""

from __future__ import annotations

import socket
import threading

from turnpike.bootstrap.control import probe
from turnpike.domain.snapshot import Provider


class OpenSeal:
    """A seal that closes nothing."""

    def close(self, secret: bytes, purpose: str) -> bytes:
        return secret

    def open(self, closed: bytes, purpose: str) -> bytes:
        return closed

    def digest(self, secret: bytes, purpose: str) -> bytes:
        return secret


def asked(listener: socket.socket, heads: list[bytes]) -> None:
    connection, _ = listener.accept()
    with connection:
        heads.append(connection.recv(65_536))
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


def head_for(port: int, listener: socket.socket, proxy: bytes | None) -> bytes:
    heads: list[bytes] = []
    answering = threading.Thread(target=asked, args=(listener, heads))
    answering.start()
    url = f"http://127.0.0.1:{port}/v1"
    probe(
        Provider("p", "openai-compatible", url, sealed_headers=(("x-token", b"t"),), sealed_proxy=proxy),
        OpenSeal(),
    )
    answering.join(5)
    return heads[0]


def test_secret_headers_are_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        head = head_for(listener.getsockname()[1], listener, None)
    assert head.startswith(b"GET /v1/models HTTP/1.1\r\n")
    assert b"\r\nx-token: t\r\n" in head


def test_a_secret_proxy_is_used() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = f"http://u:p@127.0.0.1:{listener.getsockname()[1]}".encode()
        head = head_for(9, listener, proxy)
    assert head.startswith(b"CONNECT 127.0.0.1:9 ")
