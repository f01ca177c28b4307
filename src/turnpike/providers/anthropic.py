"""Anthropic, and servers that speak its dialect under an address of their own.

Source: Anthropic's API reference and SDK (`ANTHROPIC_API_KEY`, `ANTHROPIC_BASE_URL`, base URL without `/v1`).
"""

from __future__ import annotations

from typing import Final

from turnpike.domain.provider import ProviderKind
from turnpike.domain.surface import ANTHROPIC_COUNT_TOKENS, ANTHROPIC_MESSAGES
from turnpike.providers.credentials import anthropic_key

PATHS: Final = {
    ANTHROPIC_MESSAGES: "/v1/messages",
    ANTHROPIC_COUNT_TOKENS: "/v1/messages/count_tokens",
}

MODELS_PATH: Final = "/v1/models?limit=1000"
"""Without a limit it lists twenty."""

VERSION: Final = (("anthropic-version", "2023-06-01"),)
"""What callers send by themselves, and its list of models wants too."""

ANTHROPIC: Final = ProviderKind(
    name="anthropic",
    title="Anthropic",
    base_url="https://api.anthropic.com",
    paths=PATHS,
    credentialed=anthropic_key,
    models_path=MODELS_PATH,
    models_headers=VERSION,
    credential_variable="ANTHROPIC_API_KEY",
    base_url_variable="ANTHROPIC_BASE_URL",
    model_patterns=("claude-*",),
)

ANTHROPIC_COMPATIBLE: Final = ProviderKind(
    name="anthropic-compatible",
    title="Any server that speaks Anthropic's dialect",
    base_url=None,
    paths=PATHS,
    credentialed=anthropic_key,
    models_path=MODELS_PATH,
    models_headers=VERSION,
    credential_required=False,
)
