"""Reading a request body: JSON objects, texts in their many forms, checks that all surfaces share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from turnpike.sim.refusals import Refused

Object = dict[str, Any]

DEEPEST: Final = 128
"""Levels of a body: more than any request has, and fewer than Python follows."""


def read_object(body: bytes, message: str) -> Object:
    """The body as a JSON object; Refused with `message` where it is none."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(400, message) from None
    if not isinstance(value, dict) or _is_too_deep(body, value):
        raise Refused(400, message)
    return value


def _is_too_deep(body: bytes, value: Object) -> bool:
    """Whether it is nested deeper than what reads it can follow."""
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return False
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
    return bool(level)


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or the texts of its parts in a row."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(
        part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
    )


def objects_of(value: Any) -> list[Object]:
    """The objects in a list; nothing where it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts_of(value: Any) -> tuple[str, ...]:
    """One text or a list of texts, as a tuple."""
    if isinstance(value, str):
        return (value,)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def count_of(value: Any) -> int | None:
    """A count where there is one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
