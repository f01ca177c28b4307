"""The form of `turnpike.yaml`, for editors."""

from __future__ import annotations

from typing import Any

from turnpike.control.resources.table import document_schema
from turnpike.providers.table import PROVIDERS


def schema_of_documents() -> dict[str, Any]:
    """The JSON Schema of a document, with the kinds of provider of this release."""
    return document_schema(PROVIDERS)
