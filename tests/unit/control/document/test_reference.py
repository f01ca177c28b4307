"""References: their three forms, where they are found, and that nothing prints a secret."""

from __future__ import annotations

import pytest

from turnpike.control.document.reference import (
    EnvReference,
    FileReference,
    Hidden,
    SealedReference,
    find_references,
    parse_parts,
)


def test_references_are_found_in_values_and_not_in_comments() -> None:
    text = 'a: "${env:ONE}" # ${env:COMMENT}\nb: ["Bearer ${file:/run/two}", "${env:ONE} ${sealed:x/y/z} ${what}"]'
    assert find_references(text) == (EnvReference("ONE"), FileReference("/run/two"))


def test_a_document_that_cannot_be_read_has_no_references() -> None:
    assert find_references("a: [${env:X}") == ()


def test_references_of_json_are_found() -> None:
    assert find_references('{"a": "${env:ONE}"}', "f.json") == (EnvReference("ONE"),)


def test_text_beside_a_reference_is_kept_apart() -> None:
    literal, reference = parse_parts("Bearer ${env:X}")
    assert isinstance(literal, Hidden)
    assert literal.reveal() == "Bearer "
    assert reference == EnvReference("X")


def test_a_mark_names_an_address() -> None:
    assert parse_parts("${sealed:keys/app/secret}") == (SealedReference("keys/app/secret"),)


@pytest.mark.parametrize(
    "text", ["${X}", "${env:1X}", "${env:}", "${file:}", "${vault:a}", "${env:X", "a ${"]
)
def test_what_only_looks_like_a_reference_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"found a ") as raised:
        parse_parts(f"hunter2{text}")
    assert "hunter2" not in str(raised.value)


def test_a_hidden_value_prints_as_nothing() -> None:
    assert "hunter2" not in f"{Hidden('hunter2')!r} {Hidden('hunter2')}"
