"""What `turnpike up` shows once everything is started: where it listens, and who can call it there."""

from __future__ import annotations

from typing import Final

from turnpike import __version__
from turnpike.settings import Address, Settings

_EVERYWHERE: Final = " and every other address of this machine"
_PLAIN_GATEWAY: Final = (
    "plain HTTP: whoever is on the way reads keys and prompts; give it a certificate (TURNPIKE_TLS_CERTIFICATE),"
    " or put a proxy with TLS before it"
)
PLAIN_CONTROL: Final = (
    "plain HTTP: whoever is on the way reads administrators' keys and providers' credentials; let it listen on"
    " 127.0.0.1, and put a proxy with TLS before it"
)


def banner(
    settings: Settings, gateway: Address, control: Address, gateway_state: str, control_state: str
) -> str:
    """Where the roles really listen (`gateway`, `control`), how they do, and whom that lets in."""
    lines = [
        f"Turnpike {__version__}",
        f"  gateway  {gateway_url(settings, gateway)}{_beside(gateway)}{_noted(gateway_state)}",
        *_warned(gateway, _PLAIN_GATEWAY if settings.tls_certificate is None else None),
        f"  control  {control.url}{_beside(control)}{_noted(control_state)}",
        *_warned(control, PLAIN_CONTROL),
        f"  home     {settings.home}",
    ]
    return "\n".join(lines)


def gateway_url(settings: Settings, gateway: Address) -> str:
    """Where applications call, from this machine."""
    return gateway.url if settings.tls_certificate is None else gateway.url.replace("http:", "https:", 1)


def _beside(address: Address) -> str:
    return _EVERYWHERE if address.is_everywhere else ""


def _noted(state: str) -> str:
    return f"  ({state})" if state else ""


def _warned(address: Address, warning: str | None) -> list[str]:
    if warning is None or address.is_of_this_machine_alone:
        return []
    return [f"           {warning}"]
