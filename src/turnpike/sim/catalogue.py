"""The models that the simulated provider has, each in the form in which its vendor lists it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

RELEASED_SECONDS = 1_767_225_600
"""2026-01-01: every simulated model was made then."""

RELEASED = "2026-01-01T00:00:00Z"

Kind = Literal["chat", "completion", "embedding"]


class Model(msgspec.Struct, frozen=True):
    """A model and what it can be asked for; `dimensions` are those of an embedding."""

    name: str
    vendor: Literal["openai", "anthropic", "any"]
    kind: Kind = "chat"
    dimensions: int = 0


MODELS = (
    *(
        Model(name, "openai")
        for name in (
            "gpt-4o", "gpt-4o-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-5", "gpt-5-mini",
            "gpt-5-nano", "gpt-5.4", "gpt-5.4-mini", "gpt-5.5", "gpt-5.6", "o3", "o3-mini", "o4-mini",
        )
    ),
    Model("gpt-3.5-turbo-instruct", "openai", "completion"),
    Model("text-embedding-3-small", "openai", "embedding", 1536),
    Model("text-embedding-3-large", "openai", "embedding", 3072),
    *(
        Model(name, "anthropic")
        for name in (
            "claude-opus-4-8", "claude-opus-4-6", "claude-sonnet-5", "claude-sonnet-4-6",
            "claude-sonnet-4-5", "claude-sonnet-4-0", "claude-haiku-4-5",
        )
    ),
)  # fmt: skip


def find_model(name: str, vendor: str, extra: tuple[str, ...]) -> Model | None:
    """The model of that name on that vendor's surface; `sim-…` and the extra names are on all."""
    for model in MODELS:
        if model.name == name and model.vendor == vendor:
            return model
    if name.startswith("sim-") or name in extra or "*" in extra:
        return Model(name, "any", _kind_by_name(name), 256)
    return None


def openai_model(name: str) -> dict[str, Any]:
    """A model as OpenAI describes it."""
    return {"id": name, "object": "model", "created": RELEASED_SECONDS, "owned_by": "turnpike-sim"}


def anthropic_model(name: str) -> dict[str, Any]:
    """A model as Anthropic describes it."""
    return {
        "type": "model",
        "id": name,
        "display_name": f"{name} (simulated)",
        "created_at": RELEASED,
        "lifecycle": "active",
        "max_input_tokens": 200_000,
        "max_tokens": 64_000,
    }


def names(vendor: str, extra: tuple[str, ...]) -> list[str]:
    """The names that the vendor's list of models shows."""
    own = [model.name for model in MODELS if model.vendor == vendor]
    return own + [name for name in extra if name != "*"]


def _kind_by_name(name: str) -> Kind:
    if "embed" in name:
        return "embedding"
    return "completion" if "instruct" in name else "chat"
