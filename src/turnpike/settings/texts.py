"""From a setting's text to its value: each raises ValueError with what is allowed."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from turnpike.settings.values import Address

WORKERS_MAX: Final = 256
_LINE_OF_ASCII: Final = re.compile(r"[ -~]+")
_VISIBLE_ASCII: Final = re.compile(r"[!-~]+")


def read_address(text: str) -> Address:
    """Where to listen: a host and a port."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError("host:port, such as 127.0.0.1:8080 or [::1]:8080, the port 0 to 65535")
    return Address(host, int(port))


def read_workers(text: str) -> int:
    """How many worker processes."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= WORKERS_MAX:
        raise ValueError(f"a whole number from 1 to {WORKERS_MAX}")
    return int(text)


def read_count(text: str) -> int:
    """How many of something, at least one."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError("a whole number, 1 or more")
    return int(text)


def read_seconds(text: str) -> float:
    """A time, at most a day."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86_400:
        raise ValueError("a number of seconds from 0 to 86400")
    return seconds


def read_existing_file(text: str) -> Path:
    """The path of a file that is there."""
    path = Path(text)
    if not path.is_file():
        raise ValueError("the path of a file that exists")
    return path


def read_origins(text: str) -> frozenset[str]:
    """Origins of browsers; a star is any."""
    origins = frozenset(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    if not all(origin == "*" or origin.startswith(("http://", "https://")) for origin in origins):
        raise ValueError("origins such as https://app.example.com, separated by commas, or *")
    return origins


def read_admin_key(text: str) -> str:
    """A key that a header can carry."""
    if not _LINE_OF_ASCII.fullmatch(text):
        raise ValueError("a key on one line, of ASCII characters alone")
    return text


def read_url(text: str) -> str:
    """An address that is called, without its last slash; it holds no secret."""
    if not _is_called(text):
        raise ValueError(
            "an address such as http://127.0.0.1:8081, without user, password, query and fragment (a key goes into"
            " TURNPIKE_ADMIN_KEY)"
        )
    return text.rstrip("/")


def _is_called(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return (
        _VISIBLE_ASCII.fullmatch(text) is not None
        and parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and port != 0
        and not {"@", "?", "#"} & set(text)
    )


def read_store_url(text: str) -> str:
    """A PostgreSQL database's address."""
    scheme, _, rest = text.partition("://")
    host_and_port, _, database = rest.partition("?")[0].rpartition("@")[2].partition("/")
    port = host_and_port.rpartition("]")[2].partition(":")[2] or "5432"
    is_port = port.isascii() and port.isdigit() and 0 < int(port) < 65_536
    if scheme != "postgresql" or not database or not is_port:
        raise ValueError("postgresql://user:password@host/database")
    return text


def read_one_of(*allowed: str) -> Callable[[str], str]:
    """Reads one of these words, however it is capitalised."""

    def parse(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError(" | ".join(allowed))
        return text.lower()

    return parse
