"""The surfaces: what a caller can ask of the gateway, by the name that policy and records use."""

from __future__ import annotations

from typing import Final, NewType

Surface = NewType("Surface", str)

OPENAI_CHAT: Final = Surface("openai.chat")
OPENAI_COMPLETIONS: Final = Surface("openai.completions")
OPENAI_RESPONSES: Final = Surface("openai.responses")
OPENAI_EMBEDDINGS: Final = Surface("openai.embeddings")
ANTHROPIC_MESSAGES: Final = Surface("anthropic.messages")
ANTHROPIC_COUNT_TOKENS: Final = Surface("anthropic.count_tokens")

SURFACES: Final = (
    OPENAI_CHAT,
    OPENAI_COMPLETIONS,
    OPENAI_RESPONSES,
    OPENAI_EMBEDDINGS,
    ANTHROPIC_MESSAGES,
    ANTHROPIC_COUNT_TOKENS,
)
"""What a key's or team's `surfaces` may name (patterns such as "openai.*" too)."""
