"""One GET of a provider's list of models, within a time limit."""

from __future__ import annotations

import base64
import email.utils
import http.client
import socket
import ssl
import urllib.parse
from typing import Final, Literal

import msgspec

from turnpike import __version__
from turnpike.domain.snapshot import Provider, Tls

PROBE_SECONDS: Final = 10.0
_ANSWER_MAX_BYTES: Final = 65_536

Reach = Literal["fine", "refused", "limited", "unreachable", "timeout", "certificate", "odd"]


class Probed(msgspec.Struct, frozen=True):
    """What came of it; `says` holds nothing of the credential or of what the provider wrote.

    date_seconds: the provider's clock, where its answer told it.
    """

    reach: Reach
    says: str
    date_seconds: float | None = None


def probe_provider(provider: Provider, path: str, own_headers: tuple[tuple[str, str], ...]) -> Probed:
    """Ask for what is at the base URL and `path`, blocking for no longer than the time limit."""
    parts = urllib.parse.urlsplit(provider.base_url)
    try:
        connection = _connection(provider, parts)
    except (OSError, ValueError) as fault:
        return Probed("certificate", f"its TLS files cannot be used: {_reason(fault)}")
    headers = {"accept": "application/json", "user-agent": f"turnpike/{__version__}"}
    headers.update(provider.headers)
    headers.update(own_headers)
    try:
        connection.request("GET", parts.path.rstrip("/") + path, headers=headers)
        response = connection.getresponse()
        response.read(_ANSWER_MAX_BYTES)
    except ssl.SSLCertVerificationError as fault:
        return Probed("certificate", f"its certificate is not trusted: {fault.verify_message}")
    except ssl.SSLError as fault:
        return Probed("certificate", f"TLS failed: {_reason(fault)}")
    except TimeoutError:
        return Probed("timeout", f"it did not answer within {PROBE_SECONDS:g} s")
    except socket.gaierror:
        return Probed("unreachable", f"its address has no host of that name: {parts.hostname}")
    except (OSError, http.client.HTTPException) as fault:
        return Probed("unreachable", f"it cannot be reached: {_reason(fault)}")
    finally:
        connection.close()
    return _judged(response.status, response.getheader("date"))


def _judged(status: int, date: str | None) -> Probed:
    seconds = _seconds_of(date)
    if status < 300:
        return Probed("fine", "it answers and takes the credential", seconds)
    if status in (401, 403):
        return Probed("refused", f"it refuses the credential (HTTP {status})", seconds)
    if status == 429:
        return Probed("limited", "it takes the credential, and limits its rate now (HTTP 429)", seconds)
    return Probed(
        "odd", f"it answers HTTP {status} when asked for its models: the credential was not proved", seconds
    )


def _connection(provider: Provider, parts: urllib.parse.SplitResult) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port
    proxy = urllib.parse.urlsplit(provider.proxy) if provider.proxy else None
    to_host, to_port = (proxy.hostname or "", proxy.port) if proxy else (host, port)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            to_host, to_port, timeout=PROBE_SECONDS, context=_trust(provider.tls)
        )
    else:
        connection = http.client.HTTPConnection(to_host, to_port, timeout=PROBE_SECONDS)
    if proxy:
        connection.set_tunnel(host, port, headers=_proxy_headers(proxy))
    return connection


def _trust(tls: Tls | None) -> ssl.SSLContext:
    trusted = ssl.create_default_context()
    if tls and tls.ca_file:
        trusted.load_verify_locations(tls.ca_file)
    if tls and tls.client_certificate:
        trusted.load_cert_chain(tls.client_certificate)
    return trusted


def _proxy_headers(proxy: urllib.parse.SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    pair = f"{urllib.parse.unquote(proxy.username)}:{urllib.parse.unquote(proxy.password or '')}"
    return {"proxy-authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def _seconds_of(date: str | None) -> float | None:
    if date is None:
        return None
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except ValueError:
        return None


def _reason(fault: Exception) -> str:
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror.lower()
    return str(fault) or type(fault).__name__
