"""The nearest of the names that would be right."""

from __future__ import annotations

import pytest

from tests.work_done import lines_run
from turnpike.control.document.names import NAMES_COMPARED, Names

FEW, MANY = 2 * NAMES_COMPARED, 8 * NAMES_COMPARED
WRONG = 20


def numbered(count: int) -> list[str]:
    return [f"team-{number:06d}" for number in range(count)]


@pytest.mark.parametrize("wrong", ["taem-001234", "team-01234", "TEAM-001234", "tem-001234"])
def test_the_nearest_of_thousands_is_found(wrong: str) -> None:
    assert '; did you mean "team-001234"?' in Names([*numbered(MANY), "research"]).suggestion(wrong)


def test_what_is_like_none_of_thousands_is_told_so() -> None:
    said = Names(numbered(MANY)).suggestion("xyz")
    assert said == f" (known: {', '.join(numbered(12))} and {MANY - 12} more)"


def test_one_wrong_name_is_the_same_work_among_few_names_and_among_many() -> None:
    works = []
    for count in (FEW, MANY):
        names = Names(numbered(count))
        names.suggestion("made ready")
        works.append(lines_run(lambda names=names: [names.suggestion(f"taem-{n:06d}") for n in range(WRONG)]))  # type: ignore[misc]  # bound now
    assert works[1] < 1.5 * works[0]
