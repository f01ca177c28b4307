"""Where a provider stands: its address taken apart."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Origin(msgspec.Struct, frozen=True):
    """Scheme, host, port and the path that every call's own path is added to."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = DEFAULT_PORTS["https" if self.secure else "http"]
        return host if self.port == default else f"{host}:{self.port}"


class Proxy(msgspec.Struct, frozen=True):
    """An HTTP proxy on the way; `credential` is "user:password" or None."""

    host: str
    port: int
    credential: str | None


def read_origin(url: str) -> Origin:
    """The parts of a provider's base URL. Raises ValueError where it is not one; its words never show the URL."""
    parts, port = _split(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError("its base URL is not an http or https address")
    return Origin(
        secure=parts.scheme == "https",
        host=parts.hostname,
        port=port or DEFAULT_PORTS[parts.scheme],
        path=parts.path.rstrip("/"),
    )


def read_proxy(url: str) -> Proxy:
    """The parts of a proxy's URL. Raises ValueError where it is not an http one; its words never show the URL."""
    parts, port = _split(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError("its proxy's URL is not an http address")
    credential = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    return Proxy(parts.hostname, port or 80, credential)


def _split(url: str) -> tuple[SplitResult, int | None]:
    """The parts, and the port if there is one. What the library says of a bad URL may show a password in it."""
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError:
        raise ValueError("a URL of it has a bad host or port") from None
