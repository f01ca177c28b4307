"""The providers' own error answers: status, body and headers as each of them gives them."""

from __future__ import annotations

from typing import Any

import msgspec

OPENAI_ERRORS: dict[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "The request is not valid."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    402: ("insufficient_quota", "insufficient_quota", "You have no credits left."),
    403: ("invalid_request_error", "permission_denied", "You are not allowed to do this."),
    404: (
        "invalid_request_error",
        "model_not_found",
        "The model does not exist or you do not have access to it.",
    ),
    408: ("timeout", None, "Request timed out."),
    409: ("invalid_request_error", "conflict", "The request conflicts with another one."),
    413: ("invalid_request_error", "request_too_large", "The request is too large."),
    422: ("invalid_request_error", None, "The request cannot be processed."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached. Please try again later."),
    500: (
        "server_error",
        None,
        "The server had an error while processing your request. Sorry about that!",
    ),
    502: ("server_error", None, "Bad gateway."),
    503: ("server_error", None, "The engine is currently overloaded, please try again later."),
    504: ("server_error", None, "The server took too long to answer."),
}
"""Type, code and message by status."""

ANTHROPIC_ERRORS: dict[int, tuple[str, str]] = {
    400: ("invalid_request_error", "The request is not valid."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the Anthropic API."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not Found"),
    409: ("conflict_error", "The request conflicts with another one."),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your organization's rate limit."),
    500: ("api_error", "Internal server error"),
    503: ("api_error", "Service unavailable"),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}
"""Type and message by status."""


class Refused(Exception):
    """The provider answers with an error; `kind` and `message` None are the dialect's usual ones."""

    def __init__(
        self,
        status: int,
        message: str | None = None,
        *,
        kind: str | None = None,
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message or str(status))
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code
        self.param = param


def missing_parameter(name: str) -> Refused:
    """OpenAI's answer to a request without a parameter that it must have."""
    return Refused(
        400, f"Missing required parameter: '{name}'.", code="missing_required_parameter", param=name
    )


def error_value(surface: str, refused: Refused, request_id: str) -> dict[str, Any]:
    """The error body as the surface's dialect has it."""
    if surface.startswith("anthropic"):
        kind, usual = ANTHROPIC_ERRORS.get(refused.status, ("api_error", "Simulated error"))
        error: dict[str, Any] = {
            "type": refused.kind or kind,
            "message": _simulated(refused.message or usual),
        }
        return {"type": "error", "error": error, "request_id": request_id}
    family = "invalid_request_error" if refused.status < 500 else "server_error"
    kind, code, usual = OPENAI_ERRORS.get(refused.status, (family, None, "Simulated error."))
    return {
        "error": {
            "message": _simulated(refused.message or usual),
            "type": refused.kind or ("invalid_request_error" if refused.message else kind),
            "param": refused.param,
            "code": refused.code or (None if refused.message else code),
        }
    }


def error_event(surface: str, refused: Refused, number: int) -> bytes:
    """The error as an event in the middle of a stream; `number` is that of the event."""
    value = error_value(surface, refused, "")
    if surface == "openai.responses":
        error = value["error"]
        value = {
            "type": "error",
            "code": error["code"] or "server_error",
            "message": error["message"],
            "param": error["param"],
            "sequence_number": number,
        }
    elif surface.startswith("anthropic"):
        del value["request_id"]
    name = b"" if surface in ("openai.chat", "openai.completions") else b"event: error\n"
    return name + b"data: " + msgspec.json.encode(value) + b"\n\n"


def _simulated(message: str) -> str:
    return f"{message} (simulated by turnpike sim)"
