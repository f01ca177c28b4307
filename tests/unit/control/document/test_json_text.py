"""JSON to a tree: strict, with places, within limits."""

from __future__ import annotations

import pytest

from tests.unit.control.document.test_yaml_text import plain
from turnpike.control.document.fault import Place
from turnpike.control.document.text import parse_text
from turnpike.control.document.tree import Mapping


def test_values_and_escapes_are_those_of_json() -> None:
    text = '{"a": [1, 2.5, -3e2, "x\\ud83d\\ude00\\/", null, true, {}], "b": ""}'
    root, faults = parse_text(text, "f.json")
    assert faults == ()
    assert plain(root) == {"a": [1, 2.5, -300.0, "x😀/", None, True, {}], "b": ""}


def test_fields_know_their_line_and_column() -> None:
    root, _ = parse_text('{\n  "a": 1,\n  "b": 2\n}', "f.json")
    assert isinstance(root, Mapping)
    assert [entry.place for entry in root.entries] == [Place(2, 3), Place(3, 3)]
    assert [entry.value.place for entry in root.entries] == [Place(2, 8), Place(3, 8)]


def test_a_second_field_of_a_name_is_a_fault() -> None:
    _, faults = parse_text('{"a": 1,\n "a": 2}', "f.json")
    assert [str(fault) for fault in faults] == [
        'f.json:2:2: a: the field "a" stands here a second time; the first is in line 1'
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[1,]", '{"a": 1,}', '{"a" 1}', "01", "nope", '"\\ud800"', "'a'", "[1] 2", "{a: 1}"),
        *('"a\nb"', "NaN", "[" * 60, "\ufffe", '{"a": "\ud800"}'),
    ],
)
def test_what_is_not_json_is_one_fault(text: str) -> None:
    root, faults = parse_text(text, "f.json")
    assert root is None
    assert len(faults) == 1


def test_a_fault_of_syntax_shows_nothing_of_the_text() -> None:
    _, faults = parse_text('{"secret": hunter2hunter2}', "f.json")
    assert "hunter2" not in str(faults[0])
