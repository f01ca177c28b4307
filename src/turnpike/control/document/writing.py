"""From resources to a document: YAML that reads back to equal resources."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from turnpike.control.document.kind import Plain
from turnpike.control.document.yaml_text import is_plain_text

_WIDTH = 10_000
"""Wider than any value, so that no text is folded."""


def write_yaml(lists: Mapping[str, Sequence[Plain]]) -> str:
    """The lists by kind as YAML in block style; an empty document where there is nothing."""
    yaml = YAML(typ="rt", pure=True)
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.allow_unicode = True
    stream = io.StringIO()
    yaml.dump(_safe({kind: list(items) for kind, items in lists.items() if items}), stream)
    return stream.getvalue()


def _safe(value: Any) -> Any:
    """The value with every text quoted that YAML could take for something else."""
    if isinstance(value, str):
        return value if is_plain_text(value) else DoubleQuotedScalarString(value)
    if isinstance(value, dict):
        return CommentedMap((_safe(name), _safe(item)) for name, item in value.items())
    if isinstance(value, list | tuple):
        return [_safe(item) for item in value]
    return value
