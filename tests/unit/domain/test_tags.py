"""Tags: their grammar, and how those of a call add up."""

from __future__ import annotations

import pytest

from turnpike.domain.errors import InvalidTags
from turnpike.domain.tags import TAGS_MAX, add_up, check_required, is_tag, read_tags


def test_a_header_is_read_into_pairs_the_last_of_a_name_counting() -> None:
    assert read_tags(" app = search ,env=prod,,app=find") == {"app": "find", "env": "prod"}
    assert read_tags("") == {}


@pytest.mark.parametrize(
    "header", ["app", "=x", "app=", "App=x", "a b=c", "app=\x7f", "x" * 65 + "=y", "a=" + "x" * 129]
)
def test_what_is_no_tag_is_refused_with_what_was_found(header: str) -> None:
    with pytest.raises(InvalidTags, match="is not name=value"):
        read_tags(header)


def test_there_may_be_sixteen_and_no_more() -> None:
    sixteen = ",".join(f"t{n}=v" for n in range(TAGS_MAX))
    assert len(read_tags(sixteen)) == TAGS_MAX
    with pytest.raises(InvalidTags, match="17 tags, and 16 is the most"):
        read_tags(sixteen + ",more=v")


def test_the_header_comes_before_the_sdks_fields_and_those_before_defaults() -> None:
    defaults = (("app", "default"), ("env", "default"), ("team", "default"))
    tags = add_up(defaults, {"app": "header"}, [("app", "label"), ("env", "label"), ("NOT", "a tag")])
    assert dict(tags) == {"app": "header", "env": "label", "team": "default"}


def test_labels_give_way_where_there_are_too_many() -> None:
    defaults = (("env", "prod"),)
    labels = [(f"l{n}", "v") for n in range(30)]
    given = {f"g{n}": "v" for n in range(10)}
    tags = dict(add_up(defaults, given, labels))
    assert len(tags) == TAGS_MAX
    assert given.items() | {("env", "prod")} <= tags.items()


def test_every_required_tag_that_lacks_is_named() -> None:
    check_required((("app", "x"),), ("app",))
    with pytest.raises(InvalidTags, match="app, env: send `x-turnpike-tags: app=…, env=…`"):
        check_required((), ("app", "env"))


def test_a_value_may_be_any_text_of_its_length() -> None:
    assert is_tag("a", "é" * 128)
    assert not is_tag("a", "line\nbreak")
