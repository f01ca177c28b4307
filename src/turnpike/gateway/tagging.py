"""The tags of a call: the caller's, the SDK's own fields, the defaults of its key."""

from __future__ import annotations

from typing import Final

from turnpike.domain.snapshot import Key
from turnpike.domain.tags import Tags, add_up, check_required, read_tags

TAGS: Final = b"x-turnpike-tags"


def tags_of(headers: dict[bytes, bytes], labels: tuple[tuple[str, str], ...], key: Key) -> Tags:
    """What the call is attributed to. Raises InvalidTags."""
    header = headers.get(TAGS)
    if header is None and not labels:
        tags = key.tags
    else:
        given = read_tags(header.decode("utf-8", "replace")) if header is not None else {}
        tags = add_up(key.tags, given, labels)
    if key.required_tags:
        check_required(tags, key.required_tags)
    return tags
