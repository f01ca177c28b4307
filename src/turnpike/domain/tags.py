"""Tags: what a caller says of a call, for attribution."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from turnpike.domain.errors import InvalidTags

TAGS_MAX: Final = 16
VALUE_MAX_CHARACTERS: Final = 128
_NAME: Final = re.compile(r"[a-z0-9_.-]{1,64}")
_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f]{1,128}")

Tags = tuple[tuple[str, str], ...]


def is_tag(name: str, value: str) -> bool:
    """Whether name and value keep to the rules."""
    return _NAME.fullmatch(name) is not None and _VALUE.fullmatch(value) is not None


def read_tags(header: str) -> dict[str, str]:
    """The tags of `x-turnpike-tags: app=search, env=prod`. Raises InvalidTags."""
    tags: dict[str, str] = {}
    for part in header.split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not name and not equals:
            continue
        if not is_tag(name, value):
            raise InvalidTags(
                f"x-turnpike-tags: {part.strip()!r} is not name=value with a name of a-z, 0-9, "
                f"_, . or - (64 at most) and a value of 1 to {VALUE_MAX_CHARACTERS} characters."
            )
        tags[name] = value
    if len(tags) > TAGS_MAX:
        raise InvalidTags(f"x-turnpike-tags: {len(tags)} tags, and {TAGS_MAX} is the most.")
    return tags


def add_up(defaults: Tags, given: dict[str, str], labels: Iterable[tuple[str, str]]) -> Tags:
    """The tags of a call: its header's first, then the SDK's fields that fit, then defaults."""
    tags = dict(defaults)
    for name, value in labels:
        if is_tag(name, value):
            tags[name] = value
    tags.update(given)
    if len(tags) > TAGS_MAX:
        kept = given | {name: tags[name] for name, _ in defaults}
        tags = kept | {name: value for name, value in tags.items() if name not in kept}
    return tuple(tags.items())[:TAGS_MAX]


def missing_tags(tags: Tags, required: tuple[str, ...]) -> tuple[str, ...]:
    """The required tags that are not among a call's."""
    present = {name for name, _ in tags}
    return tuple(name for name in required if name not in present)


def check_required(tags: Tags, required: tuple[str, ...]) -> None:
    """Raises InvalidTags naming every required tag that a call lacks."""
    missing = missing_tags(tags, required)
    if missing:
        raise InvalidTags(
            f"This key requires the tags {', '.join(missing)}: "
            f"send `x-turnpike-tags: {', '.join(f'{name}=…' for name in missing)}`."
        )
