"""Size and shape: what keeps every file readable from top to bottom."""

from __future__ import annotations

import ast

from tests.architecture.tree import Source, all_sources, exemptions, outside, sources

FILE_LINES = 400
FUNCTION_LINES = 60
PARAMETERS = 6
FENCES = {
    "banned-call",
    "broad-except",
    "file-length",
    "function-length",
    "import-in-function",
    "parameters",
}
FORBIDDEN_WORDS = ("Manager", "Helper", "Util", "Utils", "Base", "Impl", "Handler", "Context")


def test_no_file_is_longer_than_its_limit() -> None:
    found = {s.path: f"{s.line_count} lines" for s in all_sources() if s.line_count > FILE_LINES}
    assert outside("file-length", found) == []


def test_no_function_is_longer_than_its_limit() -> None:
    found = {}
    for source in all_sources():
        for function in source.functions():
            lines = (function.end_lineno or function.lineno) - function.lineno + 1
            if lines > FUNCTION_LINES:
                found[f"{source.path}:{function.name}"] = f"{lines} lines"
    assert outside("function-length", found) == []


def test_no_function_takes_more_parameters_than_its_limit() -> None:
    found = {}
    for source in all_sources():
        for function in source.functions():
            count = _parameter_count(function)
            if count > PARAMETERS:
                found[f"{source.path}:{function.name}"] = f"{count} parameters"
    assert outside("parameters", found) == []


def _parameter_count(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    stars = [arguments.vararg, arguments.kwarg]
    own = [a for a in named if a.arg not in {"self", "cls"}]
    return len(own) + sum(star is not None for star in stars)


def test_no_function_imports() -> None:
    found = {
        f"{source.path}:{function.name}": "an import inside a function hides a layer"
        for source in all_sources()
        for function in source.functions()
        if any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function))
    }
    assert outside("import-in-function", found) == []


def test_only_exempted_files_catch_everything() -> None:
    """To clean up and raise again is not to catch."""
    found = {
        source.path: f"line {handler.lineno} catches everything"
        for source in sources("src")
        for handler in ast.walk(source.tree)
        if isinstance(handler, ast.ExceptHandler) and _is_broad(handler.type) and not _raises_again(handler)
    }
    assert outside("broad-except", found) == []


def _is_broad(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    broad = {"Exception", "BaseException", "ExceptionGroup", "BaseExceptionGroup"}
    return any(isinstance(name, ast.Name) and name.id in broad for name in names)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_no_name_says_nothing() -> None:
    """A Manager or a Helper could hold anything, and in time does."""
    found = [
        f"{source.path}:{node.lineno} {node.name}"
        for source in sources("src")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and node.name.endswith(FORBIDDEN_WORDS)
    ]
    files = [source.path for source in sources("src") if _says_nothing(source)]
    assert found + files == []


def _says_nothing(source: Source) -> bool:
    stem = source.path.rsplit("/", 1)[-1].removesuffix(".py")
    return stem in {"utils", "util", "helpers", "helper", "common", "misc", "base", "handlers", "manager"}


def test_every_exemption_names_a_fence_and_says_why() -> None:
    poor = [e for e in exemptions() if e.fence not in FENCES or len(e.reason.split()) < 5]
    assert poor == []
