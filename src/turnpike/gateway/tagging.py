"""The tags of a call: the caller's, the SDK's own fields, the defaults of its key."""

from __future__ import annotations

from typing import Final

from turnpike.domain.snapshot import Key
from turnpike.domain.tags import Tags, add_up, check_required, read_tags

TAGS: Final = b"x-turnpike-tags"


def tags_of(headers: dict[bytes, bytes], labels: tuple[tuple[str, str], ...], key: Key) -> Tags:
    """What the call is attributed to. Raises InvalidTags, also where a required one is missing."""
    tags = given_tags(headers, labels, key) if labels or TAGS in headers else key.tags
    if key.required_tags:
        check_required(tags, key.required_tags)
    return tags


def given_tags(headers: dict[bytes, bytes], labels: tuple[tuple[str, str], ...], key: Key) -> Tags:
    """The same, whether those that are required are among them or not. Raises InvalidTags."""
    header = headers.get(TAGS)
    if header is None and not labels:
        return key.tags
    given = read_tags(header.decode("utf-8", "replace")) if header is not None else {}
    return add_up(key.tags, given, labels)
