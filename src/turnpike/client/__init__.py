"""The control API as a command sees it: one request, one answer that was looked at, and words for what went wrong."""

from turnpike.client.control import (
    JSON,
    START_IT,
    TIMEOUT_SECONDS,
    ControlClient,
    Request,
    Told,
    quoted,
)
from turnpike.client.exchange import Answer
from turnpike.client.faults import (
    ControlFault,
    ControlUnreachable,
    Refused,
    Unexpected,
    Unfinished,
    Untrusted,
)

__all__ = (
    "JSON",
    "START_IT",
    "TIMEOUT_SECONDS",
    "Answer",
    "ControlClient",
    "ControlFault",
    "ControlUnreachable",
    "Refused",
    "Request",
    "Told",
    "Unexpected",
    "Unfinished",
    "Untrusted",
    "quoted",
)
