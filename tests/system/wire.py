"""Requests byte for byte, and the answers to them."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import msgspec

WITHIN_SECONDS = 10.0


class Answer(msgspec.Struct, frozen=True):
    """One answer as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


def ask(url: str, data: bytes) -> Answer:
    """The first answer to these bytes, on a connection of their own."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or 80), timeout=WITHIN_SECONDS) as connection:
        connection.sendall(data)
        return read_answer(connection)


def read_answer(connection: socket.socket) -> Answer:
    """An answer with a length. Raises EOFError where the connection closed before its end."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    while len(body) < length:
        body += _more(connection)
    return Answer(int(first.split(" ")[1]), headers, body[:length])


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(65_536)
    if not piece:
        raise EOFError
    return piece
