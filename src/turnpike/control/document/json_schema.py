"""The schema of documents as JSON Schema (2020-12), by which editors complete and check."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from turnpike.control.document.reader import ProviderKinds
from turnpike.control.document.record import Kind

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(kinds: Iterable[Kind], providers: ProviderKinds) -> dict[str, Any]:
    """The schema of a document with top-level lists of `kinds`."""
    kinds = tuple(kinds)
    lists = {kind.name: _list_schema(kind) for kind in kinds}
    return {
        "$schema": DIALECT,
        "title": "Turnpike's configuration",
        "type": ["object", "null"],
        "properties": lists,
        "additionalProperties": False,
        "$defs": {kind.name: kind.record.schema(providers) for kind in kinds},
    }


def schema_text(schema: dict[str, Any]) -> str:
    """The schema as the file in the docs holds it."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _list_schema(kind: Kind) -> dict[str, Any]:
    return {"description": kind.meaning, "type": ["array", "null"], "items": {"$ref": f"#/$defs/{kind.name}"}}
