"""A value that is valid for a JSON Schema, made without a model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec

from turnpike.sim.pattern import matching_text

DEEPEST = 24
"""Below this many levels a schema is given up: it demands itself without end."""

BRANCHING = 6
"""Below this many levels only what a schema demands is given."""

MOST_VALUES = 20_000
"""Of one answer: lists in lists may demand more than anybody waits for."""

FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "simulated@example.com",
    "hostname": "example.com",
    "uri": "https://example.com/simulated",
    "url": "https://example.com/simulated",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "regex": "simulated",
    "json-pointer": "/simulated",
    "decimal": "1.5",
    "byte": "c2ltdWxhdGVk",
}


class Unsatisfiable(ValueError):
    """No value could be found for the schema."""


def value_for(schema: Any, text: str = "simulated") -> Any:
    """A JSON value that the schema allows; strings that are free to be anything are `text`.

    Raises Unsatisfiable where none was found.
    """
    return _Maker(schema, text, iter(range(MOST_VALUES))).make(schema, 0, 0)


class _Maker(msgspec.Struct, frozen=True):
    root: Any
    text: str
    left: Iterator[int]

    def make(self, schema: Any, depth: int, variant: int) -> Any:
        """A value for `schema`; another `variant` gives, where there is one, another value."""
        self._check_demand(depth)
        if not isinstance(schema, dict):
            if schema is False:
                raise Unsatisfiable("the schema allows nothing")
            return self.text
        schema = self._flat(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][variant % len(schema["enum"])]
        for choice in ("anyOf", "oneOf"):
            if schema.get(choice):
                return self._first_possible(schema, choice, depth, variant)
        return self._typed(schema, depth, variant)

    def _check_demand(self, depth: int) -> None:
        if depth > DEEPEST:
            raise Unsatisfiable("the schema demands itself without end")
        if next(self.left, None) is None:
            raise Unsatisfiable("the schema demands more values than are made")

    def _flat(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema with `$ref` and `allOf` drawn into it."""
        for _ in range(DEEPEST):
            if "$ref" in schema:
                rest = {name: value for name, value in schema.items() if name != "$ref"}
                schema = _merged(self._resolved(schema["$ref"]), rest)
            elif schema.get("allOf"):
                merged = {name: value for name, value in schema.items() if name != "allOf"}
                for part in schema["allOf"]:
                    merged = _merged(merged, part if isinstance(part, dict) else {})
                schema = merged
            else:
                return schema
        raise Unsatisfiable("the schema refers to itself without end")

    def _resolved(self, reference: str) -> dict[str, Any]:
        found: Any = self.root
        for part in reference.lstrip("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            raise Unsatisfiable(f"the schema refers to {reference}, which is not in it")
        return found

    def _first_possible(self, schema: dict[str, Any], choice: str, depth: int, variant: int) -> Any:
        rest = {name: value for name, value in schema.items() if name != choice}
        options = sorted(schema[choice], key=lambda option: _is_null(option) != (depth > BRANCHING))
        for option in options:
            try:
                merged = _merged(rest, option) if isinstance(option, dict) else option
                return self.make(merged, depth + 1, variant)
            except Unsatisfiable:
                continue
        raise Unsatisfiable(f"no branch of {choice} can be met")

    def _typed(self, schema: dict[str, Any], depth: int, variant: int) -> Any:
        match _kind_of(schema):
            case "object":
                return self._object(schema, depth, variant)
            case "array":
                return self._array(schema, depth)
            case "integer" | "number" as kind:
                return _number(schema, kind == "integer", variant)
            case "boolean":
                return variant % 2 == 0
            case "null":
                return None
            case _:
                return self._string(schema, variant)

    def _object(self, schema: dict[str, Any], depth: int, variant: int) -> dict[str, Any]:
        properties = schema.get("properties") or {}
        named = list(schema.get("required") or ())
        if not named and depth <= BRANCHING:
            named = [name for name, value in properties.items() if _is_simple(value)]
        for name in properties:
            if len(named) >= schema.get("minProperties", 0):
                break
            if name not in named:
                named.append(name)
        value = {
            name: self.make(properties.get(name, self._other(schema)), depth + 1, variant) for name in named
        }
        while len(value) < schema.get("minProperties", 0):
            value[f"simulated_{len(value)}"] = self.make(self._other(schema), depth + 1, variant)
        return value

    def _other(self, schema: dict[str, Any]) -> Any:
        return schema.get("additionalProperties", True)

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        prefix = schema.get("prefixItems") or []
        least = schema.get("minItems", 0)
        wanted = max(least, len(prefix), 1 if depth <= BRANCHING and "items" in schema else 0)
        wanted = min(wanted, schema.get("maxItems", wanted))
        items: list[Any] = []
        for index in range(wanted):
            rule = prefix[index] if index < len(prefix) else schema.get("items", True)
            try:
                items.append(self.make(rule, depth + 1, index))
            except Unsatisfiable:
                if index < least:
                    raise
                break
        return items

    def _string(self, schema: dict[str, Any], variant: int) -> str:
        if "pattern" in schema:
            return matching_text(schema["pattern"], schema.get("minLength", 0), self.text)
        if schema.get("format") in FORMATS:
            return FORMATS[schema["format"]]
        text = self.text if variant == 0 else f"{self.text} {variant + 1}"
        if len(text) < schema.get("minLength", 0):
            text += "." * (schema["minLength"] - len(text))
        most = schema.get("maxLength", len(text))
        return text if len(text) <= most else (str(variant) + text)[:most]


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    merged = {**one, **other}
    if isinstance(one.get("properties"), dict) and isinstance(other.get("properties"), dict):
        merged["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        merged["required"] = list(dict.fromkeys([*(one["required"] or ()), *(other["required"] or ())]))
    return merged


def _kind_of(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema or "minItems" in schema:
        return "array"
    return "number" if "minimum" in schema or "maximum" in schema else "string"


def _is_null(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "null"


def _is_simple(schema: Any) -> bool:
    return isinstance(schema, dict) and schema.get("type") in ("string", "integer", "number", "boolean")


def _number(schema: dict[str, Any], whole: bool, variant: int) -> Any:
    step = schema.get("multipleOf", 1)
    low = schema.get("minimum", -math.inf)
    high = schema.get("maximum", math.inf)
    under = schema.get("exclusiveMinimum", -math.inf)
    over = schema.get("exclusiveMaximum", math.inf)
    start = max(low, under)
    first = 1 + variant if start < 1 <= min(high, over) else start if start > -math.inf else min(high, over)
    base = math.floor(first / step) if math.isfinite(first) else 0
    for count in (base, base + 1, base - 1, base + 2):
        value = count * step
        if low <= value <= high and under < value < over:
            return int(value) if whole or float(value).is_integer() else value
    between = (max(low, under) + min(high, over)) / 2
    if whole or "multipleOf" in schema or not math.isfinite(between):
        raise Unsatisfiable("no number lies within the bounds of the schema")
    return between
