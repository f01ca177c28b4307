"""Who may call: the providers' own checks of key and version, in their own words."""

from __future__ import annotations

from collections.abc import Mapping

from turnpike.sim.refusals import Refused

NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
    "auth (i.e. Authorization: Bearer YOUR_KEY)."
)


def speaks_anthropic(path: str, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request is meant for Anthropic's surface."""
    return b"anthropic-version" in headers or path.startswith("/v1/messages")


def presented_key(headers: Mapping[bytes, bytes]) -> str:
    """The key that came with the request; empty where none did."""
    scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer":
        key = b""
    return (headers.get(b"x-api-key") or key).strip().decode("latin-1")


def check_access(anthropic: bool, headers: Mapping[bytes, bytes], accepted: tuple[str, ...]) -> None:
    """Raises Refused where the key, or Anthropic's version, is not right."""
    key = presented_key(headers)
    if not key:
        raise Refused(401, "x-api-key header is required" if anthropic else NO_KEY)
    if key not in accepted if accepted else "refused" in key:
        message = "invalid x-api-key" if anthropic else f"Incorrect API key provided: {key[:3]}…{key[-4:]}."
        raise Refused(401, message, code="invalid_api_key")
    if anthropic and b"anthropic-version" not in headers:
        raise Refused(400, "anthropic-version: header is required")
