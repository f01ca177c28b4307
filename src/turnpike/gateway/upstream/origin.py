"""Where a provider stands: its address taken apart."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit

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
    """The parts of a provider's base URL. Raises ValueError where it is not one."""
    parts = urlsplit(url)
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is not an http or https address")
    return Origin(
        secure=parts.scheme == "https",
        host=parts.hostname,
        port=parts.port or DEFAULT_PORTS[parts.scheme],
        path=parts.path.rstrip("/"),
    )


def read_proxy(url: str) -> Proxy:
    """The parts of a proxy's URL. Raises ValueError where it is not an http one."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"{url!r} is not an http proxy's address")
    credential = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    return Proxy(parts.hostname, parts.port or 80, credential)
