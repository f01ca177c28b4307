"""Errors as Anthropic's SDKs parse them."""

from __future__ import annotations

from typing import Final

import msgspec

from turnpike.dialects.speech import ErrorShape
from turnpike.domain.errors import TurnpikeError

_TYPES: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def error_body(error: TurnpikeError, call_id: str) -> bytes:
    """`{"type": "error", "error": {"type", "message", "code"}, "request_id"}`."""
    kind = _TYPES.get(error.http_status)
    if kind is None:
        kind = "api_error" if error.http_status >= 500 else "invalid_request_error"
    return msgspec.json.encode(
        {
            "type": "error",
            "error": {"type": kind, "message": error.message, "code": error.code},
            "request_id": call_id,
        }
    )


def error_event(error: TurnpikeError, call_id: str) -> bytes:
    """The `error` event that ends a stream which did not come to its end."""
    return b"event: error\ndata: " + error_body(error, call_id) + b"\n\n"


ANTHROPIC_ERRORS: Final = ErrorShape(error_body, error_event)
