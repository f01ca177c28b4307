"""The SDKs' own `metadata` and `user` fields, read as labels of the call."""

from __future__ import annotations

from typing import Any, Final

from turnpike.dialects.json_body import Fields, read_any

VALUE_MAX_CHARACTERS: Final = 128


def read_labels(fields: Fields) -> tuple[tuple[str, str], ...]:
    """The labels of a call in OpenAI's form."""
    if "metadata" not in fields and "user" not in fields:
        return ()
    return labels_of(read_any(fields, "metadata"), read_any(fields, "user"))


def labels_of(metadata: Any, user: Any) -> tuple[tuple[str, str], ...]:
    """Pairs of short texts; whatever is not one belongs to the provider alone."""
    labels = []
    if isinstance(metadata, dict):
        labels = [(name, value) for name, value in metadata.items() if _is_short_text(value)]
    if _is_short_text(user):
        labels.append(("user", user))
    return tuple(labels)


def _is_short_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= VALUE_MAX_CHARACTERS
