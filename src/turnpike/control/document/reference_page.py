"""The reference of fields, as Markdown, from the same table that documents are read by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from turnpike.control.document.reader import ProviderKinds
from turnpike.control.document.record import Field, Kind, Record
from turnpike.control.document.shape import ListOf

_HEAD = """# Resources: every field

<!-- Made from the tables in src/turnpike/control/resources by `make docs-reference`; a test holds it true. -->

The top level of a document holds lists by kind. How documents are read, applied and exported is told in
[Configuration](configuration.md). Kinds of provider that this release knows: {kinds}.
"""


def reference_page(kinds: Iterable[Kind], providers: ProviderKinds) -> str:
    """The whole page."""
    names = ", ".join(f"`{name}`" for name in sorted(providers))
    return "\n".join((_HEAD.format(kinds=names), *(line for kind in kinds for line in _kind_lines(kind))))


def _kind_lines(kind: Kind) -> Iterator[str]:
    yield f"## {kind.name}\n"
    yield f"{kind.meaning}\n"
    yield f"```yaml\n{kind.name}:\n  - {kind.example}\n```\n"
    yield "| field | what stands there | default | meaning |"
    yield "|---|---|---|---|"
    yield from _rows(kind.record.fields, "")
    yield ""


def _rows(fields: Iterable[Field], prefix: str) -> Iterator[str]:
    for field in fields:
        default = "**required**" if field.required else field.default
        cells = (f"`{prefix}{field.name}`", field.shape.title, default, field.meaning)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        inner = field.shape.item if isinstance(field.shape, ListOf) else field.shape
        if isinstance(inner, Record):
            dots = "[]." if isinstance(field.shape, ListOf) else "."
            yield from _rows(inner.fields, f"{prefix}{field.name}{dots}")
