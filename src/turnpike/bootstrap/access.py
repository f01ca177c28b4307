"""How a command reaches control: where it is, and what it shows to be let in."""

from __future__ import annotations

import ipaddress
import urllib.parse

from turnpike.bootstrap.configuration import Configuration
from turnpike.bootstrap.home import existing_seal
from turnpike.bootstrap.running import running_at
from turnpike.client import START_IT, TIMEOUT_SECONDS, ControlClient
from turnpike.ports.sealing import local_token
from turnpike.settings import Settings


def control_client(found: Configuration, timeout_seconds: float = TIMEOUT_SECONDS) -> ControlClient:
    """A client with the administrator's key, or on control's own machine with the home's token.

    Raises CannotStart where the home's master key cannot be used.
    """
    settings = found.settings
    token = settings.admin_key or _local_token(settings)
    return ControlClient(control_url(settings), token, timeout_seconds, _mend(settings))


def _mend(settings: Settings) -> str:
    """What to do where control does not answer: most often the command stands in another folder than `turnpike up`."""
    if settings.control_url is not None:
        return f"it is said to be there by TURNPIKE_CONTROL_URL; {START_IT}"
    if running_at(settings.home) is not None:
        return "`turnpike up` runs on this home and starts it again; its log says why it is away"
    return (
        f"no `turnpike up` runs on the home {settings.home.absolute()}: start it, or go to the folder where it runs,"
        " or name its home (TURNPIKE_HOME) or control's address (TURNPIKE_CONTROL_URL)"
    )


def control_url(settings: Settings) -> str:
    """Where control is: as set, else as the running supervisor noted, else where it would listen."""
    if settings.control_url is not None:
        return settings.control_url
    running = running_at(settings.home)
    return running.control_url if running else settings.control_listen.url


def _local_token(settings: Settings) -> str | None:
    """The token that proves that the home is at hand; it is shown to this machine only."""
    if not is_this_machine(control_url(settings), settings):
        return None
    seal = existing_seal(settings)
    return None if seal is None else local_token(seal)


def is_this_machine(url: str, settings: Settings) -> bool:
    """Whether the address is this machine's own: a loopback one, or where control is set to listen here."""
    host = urllib.parse.urlsplit(url).hostname or ""
    if host in ("localhost", urllib.parse.urlsplit(settings.control_listen.url).hostname):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
