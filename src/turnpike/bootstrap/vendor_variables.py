"""The variables that vendors' own SDKs read, as they stand in this process's environment."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from turnpike.bootstrap.configuration import Configuration
from turnpike.control.defaults import unusable_variables
from turnpike.domain.provider import ProviderKind
from turnpike.settings import Address

_PORTS: Final = {"http": 80, "https": 443}


def vendor_variables(found: Configuration, kinds: Mapping[str, ProviderKind]) -> dict[str, str]:
    """Those that are set, without the kinds whose address is this gateway's own."""
    back_here = _leading_back(found, kinds)
    names = [
        name
        for kind in kinds.values()
        if kind.base_url_variable not in back_here
        for name in (kind.credential_variable, kind.base_url_variable)
        if name is not None
    ]
    return {name: found.environ[name] for name in names if found.environ.get(name)}


def left_out(found: Configuration, kinds: Mapping[str, ProviderKind]) -> dict[str, str]:
    """What is wrong with those that are set and make no provider, by name; never shows a value."""
    return {**unusable_variables(found.environ, kinds), **_leading_back(found, kinds)}


def _leading_back(found: Configuration, kinds: Mapping[str, ProviderKind]) -> dict[str, str]:
    """Addresses that are set for callers of this very gateway: calls would go round in a ring."""
    return {
        kind.base_url_variable: "it is this gateway's own address, which is for callers, as is the key beside it"
        for kind in kinds.values()
        if kind.base_url_variable is not None
        and found.environ.get(kind.credential_variable or "")
        and is_at(found.environ.get(kind.base_url_variable, "").strip(), found.settings.gateway_listen)
    }


def is_at(text: str, listen: Address) -> bool:
    """Whether the URL is that of `listen`, as one calls it from the same machine."""
    try:
        url = urlsplit(text)
        port = url.port or _PORTS.get(url.scheme)
    except ValueError:
        return False
    return port == listen.port and _is_here(url.hostname or "", listen.host)


def _is_here(host: str, listen_host: str) -> bool:
    if host in ("localhost", listen_host):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
