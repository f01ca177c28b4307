"""Writes the parts of docs/ that are made from tables: every field of every resource, and the file's JSON Schema.

Run it by `make docs-reference`; with --check it changes nothing and ends with status 1 where a file is out of date.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from turnpike.control.resources.table import document_schema, fields_page
from turnpike.providers.table import PROVIDERS

DOCS = Path(__file__).resolve().parents[1] / "docs"


def main() -> None:
    """Write or check the files, and say which."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = [path for path, text in made_files().items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(
            f"{path.relative_to(DOCS.parent)}: {'out of date: run `make docs-reference`' if check else 'written'}"
        )
        if not check:
            path.write_text(made_files()[path])
    sys.exit(1 if check and stale else 0)


def made_files() -> dict[Path, str]:
    """Each made file's path and the text that it should hold."""
    schema = msgspec.json.format(msgspec.json.encode(document_schema(PROVIDERS), order="sorted"), indent=2)
    return {
        DOCS / "resources.md": fields_page(PROVIDERS).rstrip("\n") + "\n",
        DOCS / "turnpike.schema.json": schema.decode() + "\n",
    }


if __name__ == "__main__":
    main()
