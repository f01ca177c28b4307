"""A provider on a raw socket: each case plays its own part, byte by byte, over real connections."""

from __future__ import annotations

import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec

WITHIN_SECONDS = 10.0
CASE = "x-case"
"""The caller's header that names the part to be played; unknown headers travel upstream."""

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Received(msgspec.Struct, frozen=True):
    """One request as it arrived."""

    method: str
    target: str
    lines: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.lines)


class Exchange:
    """One request at the provider, and the connection to answer it on."""

    def __init__(self, request: Received, connection: socket.socket) -> None:
        self.request = request
        self.connection = connection
        self.open = True

    def send(self, *pieces: bytes) -> None:
        """Each piece in a segment of its own."""
        for piece in pieces:
            self.connection.sendall(piece)

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        """A whole answer; underscores in names stand for dashes."""
        given = {"content_type": "application/json", **headers}
        self.send(head(status, {"content-length": str(len(body)), **_dashed(given)}) + body)

    def stream(self, *events: bytes, **headers: str) -> None:
        """The head of a stream and its events as chunks, without the last chunk."""
        given = {"content_type": "text/event-stream; charset=utf-8", **headers}
        self.send(head(200, {"transfer-encoding": "chunked", **_dashed(given)}))
        self.send(*(chunk(event) for event in events))

    def close(self) -> None:
        """Close in good order."""
        self.open = False
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def reset(self) -> None:
        """Close by a reset."""
        self.open = False
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.connection.close()

    def left(self, within_seconds: float) -> bool:
        """Whether the other side closes the connection within so long."""
        self.connection.settimeout(within_seconds)
        try:
            return self.connection.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True


Part = Callable[[Exchange], None]


def not_found(exchange: Exchange) -> None:
    """What a provider says to a request that is no case."""
    exchange.answer(404, b'{"error":{"message":"There is nothing here."}}')


class Upstream:
    """Listens on a free port; each connection is served by a thread of its own."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._parts: dict[str, Part] = {}
        self.received: dict[str, list[Received]] = defaultdict(list)
        self.failures: list[BaseException] = []
        self.connections = 0

    @property
    def url(self) -> str:
        host, port = self._listener.getsockname()
        return f"http://{host}:{port}"

    def plays(self, case: str, part: Part) -> None:
        """What to do when a request of this case comes."""
        self._parts[case] = part

    def serve(self, wrap: Callable[[socket.socket], socket.socket]) -> None:
        """Take connections until the listener is closed."""
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._converse, args=(connection, wrap), daemon=True).start()

    def _converse(self, plain: socket.socket, wrap: Callable[[socket.socket], socket.socket]) -> None:
        with suppress(OSError, EOFError):
            plain.settimeout(WITHIN_SECONDS * 6)
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = wrap(plain)
            with connection:
                while self._one(connection):
                    pass

    def _one(self, connection: socket.socket) -> bool:
        request = read_request(connection)
        case = request.headers.get(CASE, "")
        self.received[case].append(request)
        exchange = Exchange(request, connection)
        try:
            self._parts.get(case, not_found)(exchange)
        except OSError:
            return False
        except BaseException as failure:
            self.failures.append(failure)
            raise
        return exchange.open


@contextmanager
def an_upstream(wrap: Callable[[socket.socket], socket.socket] = lambda plain: plain) -> Iterator[Upstream]:
    """A provider that listens while the block runs."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        upstream = Upstream(listener)
        thread = threading.Thread(target=upstream.serve, args=(wrap,), daemon=True)
        thread.start()
        yield upstream
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(WITHIN_SECONDS)
    assert upstream.failures == []


def read_request(connection: socket.socket) -> Received:
    """One request with its content-length; raises EOFError where the caller went away."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    text, _, body = data.partition(b"\r\n\r\n")
    first, *rest = text.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    lines = tuple((name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in rest))
    missing = int(dict(lines).get("content-length", "0")) - len(body)
    pieces = [body]
    while missing > 0:
        piece = _more(connection)
        pieces.append(piece)
        missing -= len(piece)
    return Received(method, target, lines, b"".join(pieces))


def head(status: int, headers: dict[str, str]) -> bytes:
    """A status line and header lines, with the blank line."""
    lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


def _dashed(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(262_144)
    if not piece:
        raise EOFError
    return piece
