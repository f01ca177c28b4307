"""Values made for JSON Schemas."""

from __future__ import annotations

import re
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from turnpike.sim.schema import Unsatisfiable, value_for


class Leaf(BaseModel):
    kind: Literal["leaf"]
    weight: float = Field(gt=0, lt=1)


class Tree(BaseModel):
    kind: Literal["tree"]
    code: str = Field(pattern=r"^[A-Z]{3}-\d{4}$")
    born: str = Field(json_schema_extra={"format": "date"})
    counts: list[int] = Field(min_length=3, max_length=5)
    children: list[Tree | Leaf]
    parent: Tree | None
    notes: dict[str, str]
    level: int = Field(ge=10, multiple_of=4)
    pair: tuple[str, bool]


def test_a_value_for_a_model_that_holds_itself_is_valid_for_it() -> None:
    assert Tree.model_validate(value_for(Tree.model_json_schema())).kind == "tree"


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, "simulated"),
        ({"const": 5}, 5),
        ({"enum": ["b", "a"]}, "b"),
        ({"type": ["null", "integer"]}, 1),
        ({"type": "string", "maxLength": 3}, "0si"),
        ({"type": "string", "format": "uuid"}, "00000000-0000-4000-8000-000000000000"),
        ({"type": "integer", "maximum": -3}, -3),
        ({"type": "number", "minimum": 0.2, "maximum": 0.8}, 0.5),
        ({"anyOf": [{"type": "null"}, {"type": "boolean"}]}, True),
        ({"type": "array", "items": {"enum": [1, 2, 3]}, "minItems": 3, "uniqueItems": True}, [1, 2, 3]),
        ({"allOf": [{"required": ["x"]}, {"properties": {"x": {"type": "integer"}}}]}, {"x": 1}),
        ({"type": "object", "properties": {"x": {"type": "string"}}}, {"x": "simulated"}),
    ],
)
def test_each_rule_is_kept(schema: Any, value: Any) -> None:
    assert value_for(schema) == value


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\+?[1-9]\d{1,14}$",
        r"^[a-z0-9]+(?:-[a-z0-9]+)*$",
        r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$",
        r"^(red|green)$",
        r"^[^a-y]\.\w?$",
    ],
)
def test_a_text_matches_its_pattern(pattern: str) -> None:
    assert re.search(pattern, value_for({"type": "string", "pattern": pattern}))


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"$ref": "#/$defs/none"},
        {
            "$defs": {"a": {"required": ["a"], "properties": {"a": {"$ref": "#/$defs/a"}}}},
            "$ref": "#/$defs/a",
        },
        {"type": "integer", "minimum": 3, "maximum": 2},
    ],
)
def test_a_schema_that_nothing_can_meet_is_told(schema: Any) -> None:
    with pytest.raises(Unsatisfiable):
        value_for(schema)
