"""The control API as a command sees it: one request, one answer, and words for what went wrong."""

from __future__ import annotations

import http.client
import ssl
import urllib.parse
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from turnpike import __version__

TIMEOUT_SECONDS: Final = 30.0
ANSWER_MAX_BYTES: Final = 256 * 1024 * 1024
PAGE_ITEMS: Final = 500
JSON: Final = "application/json"
START_IT: Final = "start it with `turnpike up`, or say where it is with TURNPIKE_CONTROL_URL"
_SHOWN_CHARACTERS: Final = 200
_OTHER_NAME: Final = (62, 63, 64)
"""Of OpenSSL's X509_V_ERR codes: a host name, mail address or IP address that is not the certificate's."""


class ControlFault(Exception):
    """A request that control did not carry out; the message says why and how to mend it."""


class ControlUnreachable(ControlFault):
    """Nobody answered at the address."""


class Untrusted(ControlUnreachable):
    """Somebody answered with a certificate that is not taken: `reason` says why, as OpenSSL does.

    is_other_name: it is trusted, and for other names than the address asked.
    """

    def __init__(self, url: str, fault: ssl.SSLCertVerificationError) -> None:
        super().__init__(
            f"control at {url}: its certificate is not taken ({fault.verify_message}): ask it by a name that is in the"
            " certificate, and name the file of its authority with SSL_CERT_FILE where this machine does not know it"
        )
        self.reason = fault.verify_message
        self.is_other_name = fault.verify_code in _OTHER_NAME


class Refused(ControlFault):
    """Control answered with a problem (RFC 9457). `problem` holds its members."""

    def __init__(self, status: int, problem: Mapping[str, Any], message: str) -> None:
        super().__init__(message)
        self.status = status
        self.problem = problem


class Answer(msgspec.Struct, frozen=True):
    """What control answered; `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as a value. Raises ControlFault where it is not JSON."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            raise ControlFault(
                f"control answered with something that is not JSON: {_beginning(self.body)}"
            ) from None


class ControlClient:
    """Speaks to the control API at `url` as the bearer of `token`; `mend` says what to do where nobody is there."""

    def __init__(
        self, url: str, token: str | None, timeout_seconds: float = TIMEOUT_SECONDS, mend: str = START_IT
    ) -> None:
        self.url = url
        self._mend = mend
        self._token = token
        self._timeout_seconds = timeout_seconds

    def get(self, path: str, **query: str | int | None) -> Answer:
        """Ask for what is at the path. Raises ControlFault."""
        given = {name: value for name, value in query.items() if value is not None}
        return self.send("GET", path + ("?" + urllib.parse.urlencode(given) if given else ""))

    def all_of(self, kind: str) -> list[dict[str, Any]]:
        """Every resource of the kind, over as many pages as it takes. Raises ControlFault."""
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = self.get(f"/api/v1/{kind}", limit=PAGE_ITEMS, after=after).json()
            found += page["items"]
            after = page.get("next")
            if after is None:
                return found

    def send(
        self, method: str, path: str, value: object = None, media_type: str = JSON, *, only_new: bool = False
    ) -> Answer:
        """Send a value as JSON (None: no body); `only_new` leaves what exists as it is.

        Raises ControlUnreachable, Refused, ControlFault.
        """
        headers = {"accept": JSON, "user-agent": f"turnpike/{__version__}"}
        body = None
        if value is not None:
            body = msgspec.json.encode(value)
            headers["content-type"] = media_type
        if only_new:
            headers["if-none-match"] = "*"
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        answer = self._exchange(method, path, body, headers)
        if answer.status >= 300:
            raise _refusal(answer, keyed=self._token is not None)
        return answer

    def look(self, path: str) -> Answer | None:
        """What is at a path that needs no key, whatever its status; None where nobody answers. Raises Untrusted."""
        try:
            return self._exchange("GET", path, None, {"accept": "*/*"})
        except Untrusted:
            raise
        except ControlUnreachable:
            return None

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        parts = urllib.parse.urlsplit(self.url)
        connection = self._connection(parts)
        try:
            connection.request(method, parts.path + path, body, headers)
            response = connection.getresponse()
            data = response.read(ANSWER_MAX_BYTES)
        except ssl.SSLCertVerificationError as fault:
            raise Untrusted(self.url, fault) from None
        except ssl.SSLError as fault:
            raise ControlUnreachable(f"control at {self.url}: TLS failed: {fault.reason or fault}") from None
        except TimeoutError:
            raise ControlUnreachable(
                f"control at {self.url} did not answer within {self._timeout_seconds:g} s"
            ) from None
        except (OSError, http.client.HTTPException) as fault:
            raise ControlUnreachable(
                f"control at {self.url} cannot be reached ({_reason(fault)}): {self._mend}"
            ) from None
        finally:
            connection.close()
        return Answer(response.status, {n.lower(): v for n, v in response.getheaders()}, data)

    def _connection(self, parts: urllib.parse.SplitResult) -> http.client.HTTPConnection:
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "https":
            trusted = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=self._timeout_seconds, context=trusted)
        return http.client.HTTPConnection(host, port, timeout=self._timeout_seconds)


def quoted(name: str) -> str:
    """A name as one step of a path."""
    return urllib.parse.quote(name, safe="")


def _refusal(answer: Answer, keyed: bool) -> Refused:
    try:
        problem = msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.MsgspecError:
        problem = {}
    said = problem.get("detail") or problem.get("title") or _beginning(answer.body) or "no reason given"
    code = problem.get("code")
    message = f"{said} ({code})" if code else f"control answered {answer.status}: {said}"
    if answer.status == 401:
        message += (
            ": check TURNPIKE_ADMIN_KEY"
            if keyed
            else ": set TURNPIKE_ADMIN_KEY, or run this on control's machine with its home at hand (TURNPIKE_HOME)"
        )
    return Refused(answer.status, problem, message)


def _reason(fault: Exception) -> str:
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror.lower()
    return str(fault) or type(fault).__name__


def _beginning(body: bytes) -> str:
    return " ".join(body.decode(errors="replace").split())[:_SHOWN_CHARACTERS]
