"""Names with a star: which names a pattern means, and what the star stood for."""

from __future__ import annotations

from collections.abc import Iterable

STAR = "*"


def is_pattern(name: str) -> bool:
    """Whether `name` means more than itself. One star is allowed, anywhere in the name."""
    return STAR in name


def star_of(pattern: str, name: str) -> str | None:
    """What the star of `pattern` stands for in `name`; None where it does not match.

    A pattern without a star matches itself, and its star stands for nothing ("").
    The star stands for one character or more, of any kind, "/" too.
    """
    before, star, after = pattern.partition(STAR)
    if not star:
        return "" if pattern == name else None
    if len(name) <= len(before) + len(after):
        return None
    if not (name.startswith(before) and name.endswith(after)):
        return None
    return name[len(before) : len(name) - len(after)]


def matches(pattern: str, name: str) -> bool:
    """Whether `pattern` means `name`."""
    return star_of(pattern, name) is not None


def any_matches(patterns: Iterable[str], name: str) -> bool:
    """Whether one of `patterns` means `name`."""
    return any(matches(pattern, name) for pattern in patterns)


def any_overlaps(patterns: Iterable[str], other: str) -> bool:
    """Whether one of `patterns` means a name that `other` may mean too; in doubt it does."""
    return any(_overlaps(pattern, other) for pattern in patterns)


def _overlaps(one: str, other: str) -> bool:
    if not is_pattern(one):
        return matches(other, one)
    if not is_pattern(other):
        return matches(one, other)
    (before, _, after), (other_before, _, other_after) = one.partition(STAR), other.partition(STAR)
    return (before.startswith(other_before) or other_before.startswith(before)) and (
        after.endswith(other_after) or other_after.endswith(after)
    )


def specificity(pattern: str) -> tuple[int, int]:
    """Sorts patterns: of several that match a name, the greatest is the one meant.

    A plain name beats every pattern; then the longer literal text wins.
    """
    return (0 if is_pattern(pattern) else 1, len(pattern))
