"""A file of this room imports those below it, inside functions too; up leads a name alone."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import dipole.encoders

FOLDER = Path(dipole.encoders.__file__).parent


def imported(node):
    """The files of this room that a module imports; what is for types alone is none of it."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return set()
    found = set()
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dipole.encoders."):
        found.add(node.module.split(".")[2])
    return found.union(*map(imported, ast.iter_child_nodes(node)))


def test_no_file_imports_one_that_imports_it():
    files = {path.stem: ast.parse(path.read_text("utf-8")) for path in FOLDER.glob("*.py")}
    graph = {name: imported(tree) for name, tree in files.items()}
    assert graph["base"]
    order = list(TopologicalSorter(graph).static_order())  # a circle raises, and is named
    assert order.index("base") < order.index("loading") < order.index("registry")
