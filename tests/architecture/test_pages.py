"""What the pages name is there: files of the repository, targets of make, and each page in the site's contents."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruamel.yaml import YAML

from tests.architecture.tree import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = (*REPOSITORY.glob("*.md"), *DOCS.rglob("*.md"))


def test_every_file_that_a_page_names_exists() -> None:
    missing = [
        f"{page.relative_to(REPOSITORY)}: {name}"
        for page in PAGES
        for name in re.findall(r"`((?:tests|bench|demo|docs|scripts|src)/[\w./-]+)`", page.read_text())
        if not (REPOSITORY / name).exists()
    ]
    assert missing == []


def test_every_target_of_make_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (REPOSITORY / "Makefile").read_text()))
    named = {name for page in PAGES for name in re.findall(r"(?m)(?:`|^)make ([a-z-]+)", page.read_text())}
    assert named - targets == set()


def test_every_page_stands_in_the_contents_of_the_site() -> None:
    contents = YAML(typ="safe").load((REPOSITORY / "mkdocs.yml").read_text())["nav"]
    assert sorted(_pages_of(contents)) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def _pages_of(contents: object) -> Iterator[str]:
    match contents:
        case str():
            yield contents
        case list():
            for part in contents:
                yield from _pages_of(part)
        case dict():
            for part in contents.values():
                yield from _pages_of(part)
