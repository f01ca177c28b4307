"""What import-linter's contracts in pyproject.toml do not say of imports."""

from __future__ import annotations

import graphlib

import grimp


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("turnpike", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        graphlib.TopologicalSorter(imports).prepare()
        circle = ""
    except graphlib.CycleError as error:
        circle = " -> ".join(error.args[1])
    assert circle == ""
