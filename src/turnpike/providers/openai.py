"""OpenAI, and every server that speaks its dialect under an address of its own.

Source: OpenAI's API reference and SDK (`OPENAI_API_KEY`, `OPENAI_BASE_URL`, base URL with `/v1`).
"""

from __future__ import annotations

from typing import Final

from turnpike.domain.provider import ProviderKind
from turnpike.domain.surface import (
    OPENAI_CHAT,
    OPENAI_COMPLETIONS,
    OPENAI_EMBEDDINGS,
    OPENAI_RESPONSES,
)
from turnpike.providers.credentials import bearer

PATHS: Final = {
    OPENAI_CHAT: "/chat/completions",
    OPENAI_COMPLETIONS: "/completions",
    OPENAI_RESPONSES: "/responses",
    OPENAI_EMBEDDINGS: "/embeddings",
}

OPENAI: Final = ProviderKind(
    name="openai",
    title="OpenAI",
    base_url="https://api.openai.com/v1",
    paths=PATHS,
    credentialed=bearer,
    models_path="/models",
    credential_variable="OPENAI_API_KEY",
    base_url_variable="OPENAI_BASE_URL",
    model_patterns=("gpt-*", "chatgpt-*", "o1*", "o3*", "o4*", "text-embedding-*", "codex-*"),
)

OPENAI_COMPATIBLE: Final = ProviderKind(
    name="openai-compatible",
    title="Any server that speaks OpenAI's dialect",
    base_url=None,
    paths=PATHS,
    credentialed=bearer,
    models_path="/models",
    credential_required=False,
)
