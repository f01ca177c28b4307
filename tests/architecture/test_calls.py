"""What may be called where: time, randomness and the environment come through one door each."""

from __future__ import annotations

import ast
import re

from tests.architecture.tree import all_sources, outside, sources

CLOCK = "ask the Clock port: tests set it"
RANDOMNESS = "ask the Randomness port: tests set it"
ENVIRONMENT = "settings is the only reader of the environment"
OWNER = "nobody would await it: use the owner's TaskGroup"
BANNED = {
    "time.time": CLOCK,
    "time.time_ns": CLOCK,
    "time.monotonic": CLOCK,
    "time.monotonic_ns": CLOCK,
    "time.perf_counter": CLOCK,
    "time.perf_counter_ns": CLOCK,
    "time.sleep": "it blocks, and sleeping is hoping: wait for a condition with a bound",
    "datetime.datetime.now": CLOCK,
    "datetime.datetime.utcnow": CLOCK,
    "datetime.datetime.today": CLOCK,
    "datetime.date.today": CLOCK,
    "os.urandom": RANDOMNESS,
    "random": RANDOMNESS,
    "secrets": RANDOMNESS,
    "uuid.uuid1": RANDOMNESS,
    "uuid.uuid4": RANDOMNESS,
    "os.environ": ENVIRONMENT,
    "os.environb": ENVIRONMENT,
    "os.getenv": ENVIRONMENT,
    "asyncio.create_task": OWNER,
    "asyncio.ensure_future": OWNER,
    "unittest.mock": "put a fake at a port: a patched test proves only its patch",
}
# Comparing in constant time and parsing an id draw no randomness.
ALLOWED = {"secrets.compare_digest"}


def test_banned_calls_stand_only_where_exempted() -> None:
    found = {}
    for source in sources("src"):
        for name, line in _names_used(source.tree):
            reason = _banned_because(name)
            if reason:
                found[f"{source.path}:{name}"] = f"line {line}: {reason}"
    assert outside("banned-call", found) == []


def _banned_because(name: str) -> str | None:
    if name in ALLOWED:
        return None
    parts = name.split(".")
    prefixes = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    return next((BANNED[prefix] for prefix in prefixes if prefix in BANNED), None)


def _names_used(tree: ast.Module) -> list[tuple[str, int]]:
    """Full dotted names of what a module takes from other modules, with the line of each use."""
    imported = _imported_names(tree)
    used = [(full, line) for _, full, line in imported if full.count(".")]
    known = {short: full for short, full, _ in imported}
    for node in ast.walk(tree):
        chain = _chain(node)
        if len(chain) > 1 and chain[0] in known:
            used.append((".".join([known[chain[0]], *chain[1:]]), node.lineno))  # type: ignore[attr-defined]  # a chain is an expression, which has a line
    return used


def _imported_names(tree: ast.Module) -> list[tuple[str, str, int]]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [
                (a.asname or a.name.split(".")[0], (a.asname and a.name) or a.name.split(".")[0], node.lineno)
                for a in node.names
            ]
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [(a.asname or a.name, f"{node.module}.{a.name}", node.lineno) for a in node.names]
    return names


def _chain(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        before = _chain(node.value)
        return [*before, node.attr] if before else []
    return []


def test_no_task_is_started_without_an_owner() -> None:
    """Only a TaskGroup may start a task: an event loop's own `create_task` has no owner."""
    found = [
        f"{source.path}:{node.lineno}"
        for source in sources("src")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"create_task", "ensure_future"}
        and re.search(r"loop|asyncio", ast.unparse(node.func.value))
    ]
    assert found == []


def test_only_authorize_makes_a_grant() -> None:
    """The proof that a call is allowed is worth as much as the one place that gives it out."""
    makers = {
        str(source.path)
        for source in sources("src")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and _chain(node.func)[-1:] == ["Grant"]
    }
    assert makers == {"src/turnpike/gateway/authorize.py"}


def test_no_test_patches_or_mocks() -> None:
    found = []
    for source in all_sources():
        mocks = [name for name, _ in _names_used(source.tree) if name.startswith(("unittest.mock", "mock."))]
        patches = re.findall(r"monkeypatch\.(?:setattr|delattr|setitem)\b|\bmocker\b", _code(source.tree))
        found += [f"{source.path}: {name}" for name in mocks + patches]
    assert found == []


def _code(tree: ast.Module) -> str:
    """The names that the module's code uses, without its strings and comments."""
    chains = (".".join(_chain(node)) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name))
    return "\n".join(chains)
