"""Every kind of provider: one file each, one row here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from turnpike.domain.provider import ProviderKind
from turnpike.providers.anthropic import ANTHROPIC, ANTHROPIC_COMPATIBLE
from turnpike.providers.openai import OPENAI, OPENAI_COMPATIBLE

PROVIDERS: Final[Mapping[str, ProviderKind]] = {
    kind.name: kind for kind in (OPENAI, ANTHROPIC, OPENAI_COMPATIBLE, ANTHROPIC_COMPATIBLE)
}
