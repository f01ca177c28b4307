"""Providers: where calls go, with which credential, within which time."""

from __future__ import annotations

import msgspec

from turnpike.control.document.kind import Resource


class ProviderTls(msgspec.Struct, frozen=True, omit_defaults=True):
    """Paths of PEM files on the gateway's machine."""

    ca_file: str | None = None
    client_certificate: str | None = None


class Timed(Resource, frozen=True, kw_only=True, omit_defaults=True):
    """Time limits and retries, as providers give them and models override them."""

    connect_timeout_seconds: int | float | None = None
    first_byte_timeout_seconds: int | float | None = None
    idle_timeout_seconds: int | float | None = None
    total_timeout_seconds: int | float | None = None
    retries: int | None = None


class Provider(Timed, frozen=True, kw_only=True, omit_defaults=True):
    """One place where models are served. `credential`, `credentials`, `headers`, `proxy` hold references, never secrets."""

    kind: str
    base_url: str | None = None
    credential: str | None = None
    credentials: tuple[str, ...] | None = None
    headers: dict[str, str] | None = None
    tls: ProviderTls | None = None
    proxy: str | None = None
    region: str | None = None
    discount_percent: int | float | None = None
