"""The examples of the pages about the road do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import REPOSITORY
from tests.system.road import KEY, Road
from tests.system.running import BOUND_SECONDS
from turnpike.gateway.surfaces import CALLS

DOCS = REPOSITORY / "docs"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def test_every_example_of_the_surfaces_runs(simulated: Road, tmp_path: Path) -> None:
    script = tmp_path / "examples.py"
    script.write_text("\n".join(blocks("surfaces.md", "python")))
    environ = os.environ | {
        "OPENAI_BASE_URL": f"{simulated.url}/v1",
        "OPENAI_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": simulated.url,
        "ANTHROPIC_API_KEY": KEY,
    }
    run = subprocess.run(
        [sys.executable, script], env=environ, capture_output=True, text=True, timeout=BOUND_SECONDS
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("simulated") > 4


def test_the_command_line_example_runs(simulated: Road) -> None:
    (command,) = [block for block in blocks("surfaces.md", "sh") if block.startswith("curl")]
    run = subprocess.run(
        ["bash", "-c", command.replace("http://127.0.0.1:8080", simulated.url)],
        env=os.environ | {"OPENAI_API_KEY": KEY},
        capture_output=True,
        text=True,
        timeout=BOUND_SECONDS,
    )
    assert '"chat.completion"' in run.stdout, run.stderr


def test_every_surface_is_on_its_page() -> None:
    page = (DOCS / "surfaces.md").read_text()
    missing = [path for path, speech in CALLS.items() if speech.surface not in page]
    assert missing == []


@pytest.mark.parametrize("shape", ["chat", "responses", "messages"])
def test_the_error_events_of_the_page_are_those_of_the_goldens(shape: str) -> None:
    page = (DOCS / "streaming.md").read_text()
    golden = (REPOSITORY / "tests" / "golden" / "errors" / f"{shape}.txt").read_text()
    section = golden.partition("# 502 upstream_interrupted\n")[2].partition("\n# ")[0]
    event = section.partition("\n")[2].strip()
    told = event.replace('It is \\"so\\", and\\nso: ✓', "The provider's stream stopped before its end.")
    assert told in page
