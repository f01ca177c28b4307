"""What the files of the repository may name, and what its packages promise."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.tree import REPOSITORY, files

# Spelled in parts, so that this file does not name them either.
REGISTRY_HOSTS = [
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("python" + "hosted", "org"),
        ("npmjs", "org"),
        ("deb", "debian", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
    ]
]
MACHINE_PATHS = [
    str(REPOSITORY),
    *(
        "/" + "/".join(parts)
        for parts in [("home", "[a-z]"), ("Users", "[A-Z a-z]"), ("tmp", "bash_"), ("opt", "wheels")]
    ),
]
NEEDED_BY_THE_GATEWAY_ROLE = [
    "turnpike.domain",
    "turnpike.ports",
    "turnpike.dialects",
    "turnpike.providers",
    "turnpike.gateway",
]
ABSENT_ON_A_GATEWAY_MACHINE = [
    "alembic",
    "fastapi",
    "jinja2",
    "psycopg",
    "pydantic",
    "sqlalchemy",
    "starlette",
    "uvicorn",
]

HIDE_THE_CONTROL_PLANES_PACKAGES = f"""
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {ABSENT_ON_A_GATEWAY_MACHINE!r}:
            raise ModuleNotFoundError(f"{{name}} is not there on a machine that runs only the gateway")

sys.meta_path.insert(0, Absent())
"""


def _texts() -> list[tuple[str, str]]:
    texts = []
    for path in files():
        content = path.read_bytes()
        if b"\0" not in content[:8000]:
            texts.append((str(path.relative_to(REPOSITORY)), content.decode("utf-8", "replace")))
    return texts


def test_no_file_names_a_package_registry_or_a_path_of_one_machine() -> None:
    hosts = [re.escape(host) for host in REGISTRY_HOSTS]
    paths = [rf"(?<![\w.]){path}" for path in MACHINE_PATHS]
    pattern = re.compile("|".join(hosts + paths))
    found = [f"{name}: {match[0]}" for name, text in _texts() for match in [pattern.search(text)] if match]
    assert found == []


@pytest.mark.parametrize("name", ["gateway", "all", "dev", "docs", "fuzz"])
def test_lock_file_pins_every_package_by_hash_and_names_no_address(name: str) -> None:
    text = (REPOSITORY / "requirements" / f"{name}.txt").read_text()
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", text).strip())
    assert [entry for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []
    assert re.findall(r"(?m)^--\S+|://|@ ", text) == []


@pytest.mark.parametrize(("lock", "extras"), [("gateway", []), ("all", ["control", "postgres"])])
def test_lock_file_holds_every_dependency_of_the_package(lock: str, extras: list[str]) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    declared = project["dependencies"] + [d for e in extras for d in project["optional-dependencies"][e]]
    locked = set(
        re.findall(r"(?m)^([a-z0-9-]+)==", (REPOSITORY / "requirements" / f"{lock}.txt").read_text())
    )
    names = {re.split(r"[\[<>=!~ ]", dependency)[0].replace(".", "-") for dependency in declared}
    assert names - locked == set()


def test_the_gateways_lock_holds_no_part_of_the_control_plane() -> None:
    locked = set(re.findall(r"(?m)^([a-z0-9-]+)==", (REPOSITORY / "requirements/gateway.txt").read_text()))
    assert locked & set(ABSENT_ON_A_GATEWAY_MACHINE) == set()


IMPORT_THE_DATA_PLANE = f"""
import pkgutil
for root in {NEEDED_BY_THE_GATEWAY_ROLE!r}:
    package = importlib.import_module(root)
    for module in pkgutil.walk_packages(package.__path__, root + "."):
        importlib.import_module(module.name)
"""
ASK_THE_GATEWAY_COMMAND = """
cli = importlib.import_module("turnpike.cli")
cli.turnpike.main(["gateway", "--help"], standalone_mode=False)
"""


@pytest.mark.parametrize("script", [IMPORT_THE_DATA_PLANE, ASK_THE_GATEWAY_COMMAND])
def test_the_gateway_role_needs_no_package_of_the_control_plane(script: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", HIDE_THE_CONTROL_PLANES_PACKAGES + script],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.stderr == ""
    assert run.returncode == 0


def test_every_package_of_turnpike_says_what_it_is_for() -> None:
    packages = (REPOSITORY / "src" / "turnpike").rglob("__init__.py")
    silent = [str(path.relative_to(REPOSITORY)) for path in packages if not _opens_with_docstring(path)]
    assert silent == []


def _opens_with_docstring(path: Path) -> bool:
    return path.read_text().lstrip().startswith('"""')
