"""The documentation covers what there is, and the site needs nothing from elsewhere."""

from __future__ import annotations

import re
import tomllib
import xml.etree.ElementTree as ElementTree

from tests.architecture.tree import REPOSITORY

DOCS = REPOSITORY / "docs"


def test_every_direct_dependency_has_a_note() -> None:
    notes = "\n".join(path.read_text() for path in (DOCS / "decisions").glob("0*.md"))
    noted = {
        name for line in re.findall(r"(?m)^Packages: (.*)$", notes) for name in re.findall(r"`([^`]+)`", line)
    }
    assert _direct_dependencies() - noted == set()
    assert noted - _direct_dependencies() == set()


def _direct_dependencies() -> set[str]:
    pyproject = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    project = pyproject["project"]
    declared = [*project["dependencies"], *pyproject["build-system"]["requires"]]
    declared += [d for extra in project["optional-dependencies"].values() for d in extra]
    for path in (REPOSITORY / "requirements").glob("*.in"):
        declared += [line for line in path.read_text().splitlines() if line and line[0] not in "#-"]
    return {re.split(r"[\[<>=!~ ]", name)[0] for name in declared} - {project["name"]}


def test_every_note_says_what_it_saves_what_it_drags_in_and_how_to_leave() -> None:
    parts = ["**What it saves.**", "**What it drags in.**", "**How we would leave it.**"]
    poor = [
        f"{path.name}: {part}"
        for path in (DOCS / "decisions").glob("0*.md")
        if "\nPackages: " in path.read_text()
        for part in parts
        if part not in path.read_text()
    ]
    assert poor == []


def test_every_layer_has_its_paragraph() -> None:
    text = (DOCS / "architecture.md").read_text()
    package = REPOSITORY / "src" / "turnpike"
    layers = {path.parent.name for path in package.glob("*/__init__.py")} | {
        path.stem for path in package.glob("*.py") if not path.stem.startswith("__")
    }
    assert [layer for layer in sorted(layers) if f"**{layer}**" not in text] == []


def test_pictures_are_well_formed_and_need_nothing_from_elsewhere() -> None:
    for path in DOCS.rglob("*.svg"):
        ElementTree.parse(path)
        assert re.findall(r"(?:href|src|url)\W{1,3}https?://", path.read_text()) == [], path


def test_every_link_between_pages_leads_somewhere() -> None:
    pages = [*DOCS.rglob("*.md"), *REPOSITORY.glob("*.md")]
    broken = [
        f"{page.relative_to(REPOSITORY)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text())
        if "://" not in target and not target.startswith("mailto:") and not (page.parent / target).exists()
    ]
    assert broken == []
