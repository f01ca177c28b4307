"""The glossary's words of our own are those that the code uses."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text()
ROW = re.compile(r"^\| (?P<word>[^|]+) \| [^|]+ \| `(?P<name>[\w.]+)` \| (?P<term>[^|]+) \|$", re.M)
OURS = {
    "approach",
    "beat",
    "gate",
    "kept response",
    "link",
    "patience",
    "pulse",
    "road",
    "serving",
    "sight",
    "speech",
    "uplink",
    "way",
}
OF_TWO = {"road"}
"""The glossary says of each what it means in either plane: of a call, or of a change."""


def rows() -> list[re.Match[str]]:
    return list(ROW.finditer(GLOSSARY.partition("## In the code")[2]))


def test_words_that_the_code_uses_as_its_own_are_explained() -> None:
    assert OURS - {row["word"] for row in rows()} == set()


def test_every_word_of_the_code_is_there_in_the_code() -> None:
    source = "\n".join(file.read_text() for file in sorted((ROOT / "src").rglob("*.py")))
    names = [row["name"].rpartition(".")[2] for row in rows()]
    missing = [
        name
        for name in names
        if not re.search(rf"^\s*((class|def|async def) {name}\b|{name}( =|:))", source, re.M)
    ]
    assert missing == []


def test_a_name_of_the_code_means_one_thing_in_all_planes() -> None:
    """Where the glossary gives two meanings, two things have the name, as roads have."""
    sources = [file.read_text() for file in sorted((ROOT / "src").rglob("*.py"))]
    names = {row["name"] for row in rows() if "." not in row["name"] and row["word"] not in OF_TWO}
    defined = {
        name: sum(
            bool(re.search(rf"^((class|def|async def) {name}\b|{name}(: \w+)? =)", text, re.M))
            for text in sources
        )
        for name in names
    }
    assert [name for name, times in defined.items() if times > 1] == []


def test_no_word_has_two_meanings_unless_the_glossary_says_of_what() -> None:
    rows_of_all = re.findall(r"^\| ([a-z][^|]*?) \| (\(of )?", GLOSSARY, re.M)
    words = [word for word, told_apart in rows_of_all if word != "word" and not told_apart]
    assert sorted(word for word in set(words) if words.count(word) > 1) == []
