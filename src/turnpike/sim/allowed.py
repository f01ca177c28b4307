"""What a setting or wish may be, in words: read from its type, so that no text says another thing."""

from __future__ import annotations

import msgspec
from msgspec import inspect


def said_of(struct: type[msgspec.Struct], field: str, found: object) -> str:
    """What was found for the field of the struct, and what is allowed there."""
    type_ = next(one.type for one in _fields(struct) if one.encode_name == field)
    return f"found {str(found)!r}; allowed: {_words(type_)}"


def faulty_field(fault: msgspec.ValidationError) -> str:
    """The top-level field that a struct could not be made for."""
    return str(fault).rpartition(" - at `$.")[2].rstrip("`").partition("[")[0]


def _fields(struct: type[msgspec.Struct]) -> tuple[inspect.Field, ...]:
    described = inspect.type_info(struct)
    assert isinstance(described, inspect.StructType)
    return described.fields


def _words(type_: inspect.Type) -> str:
    match type_:
        case inspect.UnionType(types=types):
            return " or ".join(_words(one) for one in types if not isinstance(one, inspect.NoneType))
        case inspect.LiteralType(values=values):
            return ", ".join(sorted(str(value) for value in values))
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=least, le=most):
            return "a whole number" + _range(least, most)
        case inspect.FloatType(ge=least, le=most):
            return "a number" + _range(least, most)
        case _:
            return "a text"


def _range(least: float | None, most: float | None) -> str:
    if most is not None:
        return f" from {least or 0:g} to {most:.10g}"
    return "" if least is None else f", {least:g} or more"
