"""Errors as OpenAI's SDKs parse them."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from turnpike.dialects.speech import ErrorShape
from turnpike.domain.errors import TurnpikeError

_TYPES: Final = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    429: "rate_limit_error",
    504: "timeout_error",
}


def error_body(error: TurnpikeError, call_id: str) -> bytes:
    """`{"error": {"message", "type", "param", "code"}}`, the form of the API's reference."""
    return msgspec.json.encode({"error": _fields(error)})


def chat_error_event(error: TurnpikeError, call_id: str) -> bytes:
    """An event of a chat stream that the SDKs raise as an APIError: they look for `error`."""
    return b"data: " + error_body(error, call_id) + b"\n\n"


def responses_error_event(error: TurnpikeError, call_id: str) -> bytes:
    """The `error` event of a Responses stream; `error` inside is what makes the SDKs raise it."""
    fields = _fields(error)
    event = {
        "type": "error",
        "code": fields["code"],
        "message": fields["message"],
        "param": None,
        "error": fields,
    }
    return b"event: error\ndata: " + msgspec.json.encode(event) + b"\n\n"


def _fields(error: TurnpikeError) -> dict[str, Any]:
    kind = _TYPES.get(error.http_status)
    if kind is None:
        kind = "server_error" if error.http_status >= 500 else "invalid_request_error"
    return {"message": error.message, "type": kind, "param": None, "code": error.code}


CHAT_ERRORS: Final = ErrorShape(error_body, chat_error_event)
RESPONSES_ERRORS: Final = ErrorShape(error_body, responses_error_event)
