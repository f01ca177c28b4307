"""The page on configuration says what is true: its example reads, its faults are the ones given."""

from __future__ import annotations

import re
from pathlib import Path

from tests.unit.control.documents import faults, read, read_well
from turnpike.control.document.tree import MAX_CHARACTERS
from turnpike.control.plan import relation_faults

PAGES = Path(__file__).parents[3] / "docs"
PAGE = (PAGES / "configuration.md").read_text()
EXAMPLE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]


def test_the_example_reads() -> None:
    reading = read_well(EXAMPLE)
    assert relation_faults(reading, {}, "turnpike.yaml") == ()


def test_the_faults_shown_are_the_faults_given() -> None:
    dangling = EXAMPLE.replace("{provider: openai,", "{provider: opnai,")
    mistyped = EXAMPLE.replace("models: [fast]", "modles: [fast]")
    shown = [str(fault) for fault in relation_faults(read(dangling), {}, "turnpike.yaml")] + faults(mistyped)
    assert all(line in PAGE for line in shown), shown


def test_the_control_api_says_how_long_a_document_may_be() -> None:
    page = PAGES / "control-api.md"
    assert f"| a document | {MAX_CHARACTERS:,} characters |" in page.read_text()
