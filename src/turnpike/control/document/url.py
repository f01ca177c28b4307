"""Addresses: what may stand as a provider's base URL and as a proxy. No complaint shows the URL, which may hold a password."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_URL_CHARACTERS = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")


def url_complaint(text: str) -> str | None:
    """What is wrong with a base URL; never shows the URL, which may hold a password by mistake."""
    if "${" in text:
        return "found a reference; an address is written out (references stand in credential, credentials, headers, proxy)"
    said = _url_form_complaint(text)
    if said:
        return said
    url = urlsplit(text)
    if "@" in url.netloc:
        return "found a user or password in the URL; put the secret into `credential` or `headers`"
    if "?" in text or "#" in text:
        return "found a query or fragment in the URL; paths are put behind it, so nothing may follow its path"
    return None


def proxy_complaint(text: str) -> str | None:
    """What is wrong with a proxy's URL, which may hold a user and password."""
    if text.startswith("https://"):
        return "a proxy is spoken to in plain HTTP: its URL begins with http:// (calls through it are TLS all the way)"
    said = _url_form_complaint(text)
    if said:
        return said
    if urlsplit(text).path.strip("/") or "?" in text or "#" in text:
        return "a proxy's URL ends after its port"
    return None


def _url_form_complaint(text: str) -> str | None:
    if not text.startswith(("http://", "https://")):
        return "a URL that begins with http:// or https:// must stand here"
    if not _URL_CHARACTERS.fullmatch(text) or "\\" in text:
        return "found a character that no URL may hold (write host names in ASCII, other characters as %XX)"
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return "found a URL with a bad host or port; ports go from 1 to 65535"
    if not url.hostname or port == 0:
        return "found a URL without a host, or with port 0"
    return None
