"""One request over HTTP and its whole answer: a body that breaks off is no answer."""

from __future__ import annotations

import http.client
import ssl
import urllib.parse
from collections.abc import Mapping
from typing import Final

import msgspec

from turnpike.client.faults import ControlFault, ControlUnreachable, Unexpected, Unfinished, Untrusted

ANSWER_MAX_BYTES: Final = 256 * 1024 * 1024
_SHOWN_CHARACTERS: Final = 200


class Place(msgspec.Struct, frozen=True):
    """Where control is, how long a word of it may take, and what to do where nobody is there."""

    url: str
    timeout_seconds: float
    mend: str


class Answer(msgspec.Struct, frozen=True):
    """A whole answer; `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """The body's media type without its parameters; empty where it has none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def came(self) -> str:
        """What came, in words: status, media type, the body's beginning."""
        if not self.body:
            return f"nothing (status {self.status})"
        beginning = _beginning(self.body[: 8 * _SHOWN_CHARACTERS].decode(errors="replace"))
        return f"status {self.status} and {self.media_type or 'no media type'}: {beginning!r}"


class Sent(msgspec.Struct, frozen=True):
    """A request as it goes out; `path` begins with a slash."""

    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]


def exchange(place: Place, sent: Sent) -> Answer:
    """Send the request and take in its whole answer.

    Raises Untrusted, ControlUnreachable where the request did not leave, Unfinished where its answer
    is not whole, Unexpected where it is not HTTP, ControlFault where it is too large.
    """
    parts = urllib.parse.urlsplit(place.url)
    connection = _connection(parts, place.timeout_seconds)
    try:
        _connect(connection, place)
        return _answer(connection, place, parts.path, sent)
    finally:
        connection.close()


def _connection(parts: urllib.parse.SplitResult, timeout_seconds: float) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        trusted = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=timeout_seconds, context=trusted)
    return http.client.HTTPConnection(host, port, timeout=timeout_seconds)


def _connect(connection: http.client.HTTPConnection, place: Place) -> None:
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as fault:
        raise Untrusted(place.url, fault) from None
    except ssl.SSLError as fault:
        raise ControlUnreachable(
            f"control at {place.url}: TLS failed: {fault.reason or fault}: {place.mend}"
        ) from None
    except (OSError, UnicodeError) as fault:
        raise ControlUnreachable(
            f"control at {place.url} cannot be reached ({_reason(fault)}): {place.mend}"
        ) from None


def _answer(connection: http.client.HTTPConnection, place: Place, prefix: str, sent: Sent) -> Answer:
    try:
        connection.request(sent.method, prefix + sent.path, sent.body, sent.headers)
        response = connection.getresponse()
        body = _whole(response, place)
    except TimeoutError:
        raise Unfinished(
            f"control at {place.url} did not answer within {place.timeout_seconds:g} s"
        ) from None
    except http.client.IncompleteRead:
        raise _broken_off(place, "its answer broke off before its end") from None
    except OSError as fault:
        raise _broken_off(place, _reason(fault)) from None
    except http.client.HTTPException as fault:
        raise Unexpected(place.url, f"what is not HTTP ({_reason(fault)})") from None
    return Answer(response.status, {name.lower(): text for name, text in response.getheaders()}, body)


def _whole(response: http.client.HTTPResponse, place: Place) -> bytes:
    """The body to its end, which its length or its chunks tell; http.client itself says nothing of a short one."""
    if response.length is None and not response.chunked:
        raise Unexpected(place.url, "a body that does not say where it ends")
    body = b"" if _is_larger(response) else response.read(ANSWER_MAX_BYTES + 1)
    if _is_larger(response) or len(body) > ANSWER_MAX_BYTES:
        raise ControlFault(f"control at {place.url} answered with more than {ANSWER_MAX_BYTES} bytes")
    if response.length:
        said = len(body) + response.length
        raise _broken_off(place, f"its answer broke off after {len(body)} of {said} bytes")
    return body


def _is_larger(response: http.client.HTTPResponse) -> bool:
    return response.length is not None and response.length > ANSWER_MAX_BYTES


def _broken_off(place: Place, reason: str) -> Unfinished:
    return Unfinished(f"control at {place.url} did not answer to the end ({reason})")


def _reason(fault: Exception) -> str:
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror.lower()
    return _beginning(str(fault)) or type(fault).__name__


def _beginning(text: str) -> str:
    return " ".join(text.split())[:_SHOWN_CHARACTERS]
