"""Which address means what: the gateway's port as one table."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from turnpike.dialects.anthropic_errors import ANTHROPIC_ERRORS
from turnpike.dialects.anthropic_messages import COUNT_TOKENS, MESSAGES
from turnpike.dialects.openai_chat import CHAT, COMPLETIONS
from turnpike.dialects.openai_embeddings import EMBEDDINGS
from turnpike.dialects.openai_errors import CHAT_ERRORS
from turnpike.dialects.openai_responses import COMPACT, INPUT_TOKENS, RESPONSES
from turnpike.dialects.speech import ErrorShape, Speech

CALLS: Final[dict[str, Speech]] = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": COMPLETIONS,
    "/v1/responses": RESPONSES,
    "/v1/responses/compact": COMPACT,
    "/v1/responses/input_tokens": INPUT_TOKENS,
    "/v1/embeddings": EMBEDDINGS,
    "/v1/messages": MESSAGES,
    "/v1/messages/count_tokens": COUNT_TOKENS,
}
"""Paths that take a call by POST."""

VERSION: Final = "/v1"
MODELS_PATH: Final = "/v1/models"

KEPT_RESPONSE: Final = re.compile(r"/v1/responses/([A-Za-z0-9_-]{1,256})(/cancel|/input_items)?")
KEPT_METHODS: Final = {None: ("GET", "DELETE"), "/cancel": ("POST",), "/input_items": ("GET",)}


class KeptRequest(msgspec.Struct, frozen=True):
    """A request about a response that a provider keeps."""

    response_id: str
    suffix: str
    methods: tuple[str, ...]


def kept_request(path: str) -> KeptRequest | None:
    """What a path asks of a kept response; None where it is none of these paths."""
    match = KEPT_RESPONSE.fullmatch(path)
    if match is None:
        return None
    response_id, suffix = match.groups()
    return KeptRequest(response_id, suffix or "", KEPT_METHODS[suffix])


def misled(path: str) -> str | None:
    """What is wrong with the base URL that a client made `path` of; None where that is not what is wrong."""
    if path.startswith(VERSION * 2) and _is_taken(path.removeprefix(VERSION)):
        return f"Your base URL has {VERSION} twice: your client adds it by itself, so leave it out there."
    if _is_taken(VERSION + path):
        return f"Your base URL lacks {VERSION}: add it at its end."
    return None


def _is_taken(path: str) -> bool:
    return (
        path in CALLS
        or path == MODELS_PATH
        or path.startswith(MODELS_PATH + "/")
        or kept_request(path) is not None
    )


def error_shape(path: str, headers: dict[bytes, bytes]) -> ErrorShape:
    """The form of an error for whoever asked for `path`: that of the SDK which made the request."""
    speech = CALLS.get(path)
    if speech is not None:
        return speech.errors
    if path.startswith("/v1/messages") or b"anthropic-version" in headers:
        return ANTHROPIC_ERRORS
    return CHAT_ERRORS
