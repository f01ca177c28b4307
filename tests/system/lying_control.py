"""Stands where control should be, and answers every request with the same bytes."""

from __future__ import annotations

import re
import socket
import threading
from types import TracebackType

from tests.system.running import BOUND_SECONDS

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


def http_answer(
    body: bytes, status: str = "200 OK", kind: str = "application/json", length: int | None = None
) -> bytes:
    """An answer with a length, which may be another than the body's."""
    said = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {said}\r\n\r\n".encode() + body


class LyingControl:
    """Each connection is one request, then the answer, then the end."""

    def __init__(self, answer: bytes = b"") -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> LyingControl:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(BOUND_SECONDS)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(BOUND_SECONDS)
                self.asked.append(_request(connection))
                try:
                    connection.sendall(self.answer)
                except OSError:
                    continue


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65_536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    while length is not None and len(body) < int(length[1]):
        body += connection.recv(65_536)
    return head.partition(b"\r\n")[0]
