"""Names with a star."""

from __future__ import annotations

import pytest

from turnpike.domain.pattern import any_matches, is_pattern, matches, specificity, star_of


@pytest.mark.parametrize(
    ("pattern", "name", "star"),
    [
        ("fast", "fast", ""),
        ("fast", "faster", None),
        ("*", "anything/at-all", "anything/at-all"),
        ("*", "", None),
        ("local/*", "local/llama", "llama"),
        ("local/*", "local/", None),
        ("local/*", "local/a/b", "a/b"),
        ("*-mini", "gpt-4o-mini", "gpt-4o"),
        ("gpt-*-mini", "gpt-4o-mini", "4o"),
        ("gpt-*-mini", "gpt-mini", None),
        ("aa*aa", "aaa", None),
        ("aa*aa", "aaaaa", "a"),
        ("x*", "y", None),
    ],
)
def test_what_the_star_stands_for(pattern: str, name: str, star: str | None) -> None:
    assert star_of(pattern, name) == star
    assert matches(pattern, name) is (star is not None)


def test_one_of_several_is_enough() -> None:
    assert any_matches(("a", "b*"), "bc")
    assert not any_matches((), "bc")


def test_a_plain_name_comes_before_the_longer_pattern() -> None:
    names = ["gpt-4o", "*", "gpt-4*", "gpt-*"]
    assert sorted(names, key=specificity) == ["*", "gpt-*", "gpt-4*", "gpt-4o"]
    assert [is_pattern(name) for name in names] == [False, True, True, True]
