"""What can go wrong between a command and control, in words that say how to mend it."""

from __future__ import annotations

import ssl
from typing import Final

from turnpike.client.answers import Problem

_OTHER_NAME: Final = (62, 63, 64)
"""Of OpenSSL's X509_V_ERR codes: a host name, mail address or IP address that is not the certificate's."""


class ControlFault(Exception):
    """A request that control did not carry out; the message says why and how to mend it."""


class ControlUnreachable(ControlFault):
    """Nobody answered at the address."""


class Unfinished(ControlUnreachable):
    """Somebody took the request, and no whole answer came: what became of it is not known."""


class Unexpected(ControlFault):
    """A whole answer came that is none of control's: another server, a proxy or its login page speaks there."""

    def __init__(self, url: str, came: str) -> None:
        super().__init__(
            f"control at {url} answered with {came}, which control never does: see that TURNPIKE_CONTROL_URL is"
            " control's own address, and that no proxy or login page answers in its place"
        )


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
    """Control answered with a problem (RFC 9457)."""

    def __init__(self, status: int, problem: Problem, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.problem = problem
