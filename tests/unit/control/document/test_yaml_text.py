"""YAML to a tree: YAML 1.2's own values, places, and every attack on a reader."""

from __future__ import annotations

import pytest

from turnpike.control.document.fault import Place
from turnpike.control.document.text import Syntax, parse_text
from turnpike.control.document.tree import MAX_CHARACTERS, Mapping, Node, Scalar, Sequence
from turnpike.control.document.yaml_text import MAX_ALIASED_CHARACTERS


def plain(node: Node | None) -> object:
    match node:
        case Mapping(entries=entries):
            return {entry.key: plain(entry.value) for entry in entries}
        case Sequence(items=items):
            return [plain(item) for item in items]
        case Scalar(value=value):
            return value
        case None:
            return "unreadable"


def only_fault(text: str) -> str:
    _, faults = parse_text(text, "f.yaml")
    assert len(faults) == 1
    return str(faults[0])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("-3", -3),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("-.inf", float("-inf")),
        ("1:30", "1:30"),
        ("2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("1_000", "1_000"),
    ],
)
def test_a_scalar_is_what_the_core_schema_says(text: str, value: object) -> None:
    root, faults = parse_text(f"a: {text}", "f.yaml")
    assert faults == ()
    assert plain(root) == {"a": value}


def test_every_value_knows_its_line_and_column() -> None:
    root, _ = parse_text("a:\n  - b\n  - {c: d}\n", "f.yaml")
    assert isinstance(root, Mapping)
    items = root.entries[0].value
    assert isinstance(items, Sequence)
    assert [item.place for item in items.items] == [Place(2, 5), Place(3, 5)]


def test_an_alias_repeats_what_it_names() -> None:
    root, faults = parse_text("a: &x [1, {b: 2}]\nc: *x", "f.yaml")
    assert faults == ()
    assert plain(root) == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}


def test_a_second_field_of_a_name_is_a_fault_and_the_first_counts() -> None:
    root, faults = parse_text("a: {b: 1,\n  b: 2}", "f.yaml")
    assert [str(fault) for fault in faults] == [
        'f.yaml:2:3: a.b: the field "b" stands here a second time; the first is in line 1'
    ]
    assert plain(root) == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\nb", "not YAML: while parsing a flow sequence"),
        ("a: *b", "an alias"),
        ("a: &x [*x]", "inside what it repeats"),
        ("? [a]\n: b", "a field's name must be a text"),
        ("a: !!python/name:os.system x", "a tag"),
        ("a: {<<: {b: 1}}", "merge key"),
        ("a: 1\n---\nb: 1", "second document"),
        ("[" * 100, "more than 32 deep"),
        ("a: \x01", "#x0001"),
        ('a: "\\U99999999"', "not YAML"),
        ("%YAML 9.9\n---\n{}", "not YAML"),
        ("\t", "not YAML"),
        ("a: '\ud800'", "#xd800"),
        ("x" * (MAX_CHARACTERS + 1), "at most"),
    ],
)
def test_what_cannot_be_understood_is_one_fault(text: str, said: str) -> None:
    assert said in only_fault(text)


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "aliases bring in more than" in only_fault("\n".join(lines))


def test_aliases_that_deepen_are_refused() -> None:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 60)]
    assert "more than 32 deep" in only_fault("\n".join(lines))


def test_a_fault_of_syntax_shows_nothing_of_the_text() -> None:
    for text in ("secret: !hunter2hunter2", "secret: *hunter2hunter2", "secret: 'hunter2hunter2"):
        assert "hunter2" not in only_fault(text)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    root, faults = parse_text("\ufeffa: 1", "f.yaml")
    assert (plain(root), faults) == ({"a": 1}, ())


@pytest.mark.parametrize("syntax", ["yaml", "json"])
def test_a_character_that_is_written_as_a_pair_is_one(syntax: Syntax) -> None:
    root, faults = parse_text(r'{"\ud83d\ude00": ["a\ud83d\ude00b", "\\ud83d"]}', "f", syntax)
    assert faults == ()
    assert plain(root) == {"😀": ["a😀b", r"\ud83d"]}


@pytest.mark.parametrize("half", [r"\ude00\ud83d", r"\ud83d \ude00", r"\ud83d\ud83d\ude00"])
def test_halves_that_make_no_pair_are_refused(half: str) -> None:
    assert "half of a character pair" in only_fault(f'a: "{half}"')


@pytest.mark.parametrize(
    "anchored", ["'%s'", "{a: '%s'}", "[{b: [0, '%s']}]", "{? %s : 1}"], ids=["text", "field", "list", "name"]
)
def test_aliases_that_bring_in_too_many_characters_are_refused(anchored: str) -> None:
    long = "a" * (MAX_ALIASED_CHARACTERS // 10)
    text = f"a: &a {anchored % long}\nb: [" + "*a, " * 9 + "%s]"
    root, faults = parse_text(text % "x", "f.yaml")
    assert faults == ()
    assert root is not None
    assert "aliases bring in more than 1048576 characters" in only_fault(text % "*a, *a")


@pytest.mark.parametrize("text", ["models: [*]", "models:\n  - *\n", "name: *", "models: [*-mini]"])
def test_a_star_without_quotes_is_told_to_stand_in_them(text: str) -> None:
    assert "stands in quotes" in only_fault(text)
