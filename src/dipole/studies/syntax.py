"""A Python file as definitions: what each says without its prose, and which others it names."""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

# What no interpreter looks at, or writes otherwise in another version of Python.
_UNSAID = ("ctx", "kind", "type_comment", "type_params", "lineno", "returns")
_STDLIB = Path(sysconfig.get_path("stdlib"))
# What a claim, a system and an objective say to people.
_PROSE = {
    "System": ("paper",), "Claim": ("sentence", "notes", "picture"),
    "register": ("paper", "form", "related"),
}  # fmt: skip


@dataclass
class Definition:
    """Statements at the top of a file that give one name its meaning.

    shape: their syntax trees in a form that is the same in every version of Python, without
    docstrings, annotations of functions, and prose; names: (name, attribute or "") that they use;
    texts: the constants of text in them.
    """

    shape: list[Any] = field(default_factory=list)
    names: set[tuple[str, str]] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)


class Source:
    """One file: its definitions, and what it imports from where.

    module: what `__name__` is in it, to resolve `f"{__name__}:Mine"`.
    """

    def __init__(self, text: str, module: str = "") -> None:
        self.module = module
        self.tree = ast.parse(text)
        self.nodes: dict[str, list[ast.AST]] = {}
        for node in self.tree.body:
            for name in _defined(node):
                self.nodes.setdefault(name, []).append(node)
        if "SYSTEM" in self.nodes:
            call = getattr(self.nodes["SYSTEM"][0], "value", None)
            for keyword in getattr(call, "keywords", []):
                self.nodes[f"SYSTEM.{keyword.arg}"] = [keyword.value]
        self._made: dict[str, Definition] = {}

    @cached_property
    def imports(self) -> dict[str, tuple[str, str]]:
        """Name -> (module, what of it, or "" for all), of imports anywhere in the file."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    found[alias.asname or alias.name] = (node.module, alias.name)
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.asname:
                        found[alias.asname] = (alias.name, "")
        return found

    def definition(self, name: str) -> Definition:
        """What a name means here; "" is the whole file."""
        if name not in self._made:
            made = self._made[name] = Definition()
            for node in self.nodes[name] if name else self.tree.body:
                made.shape.append(_shape(node))
                self._look(node, made)
        return self._made[name]

    def _look(self, node: ast.AST, into: Definition) -> None:
        for child in _children(node):
            if isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name):
                into.names.add((child.value.id, child.attr))
            elif isinstance(child, ast.Name):
                into.names.add((child.id, ""))
            elif isinstance(child, ast.Constant) and isinstance(child.value, str):
                into.texts.add(child.value)
            elif isinstance(child, ast.JoinedStr):
                into.texts.add(self._filled(child))
            self._look(child, into)

    def _filled(self, text: ast.JoinedStr) -> str:
        """An f-string with the constants of this file in their places: `f"{HERE}:Mine"`."""
        return "".join(map(self._said, text.values))

    def _said(self, value: Any) -> str:
        if isinstance(value, ast.FormattedValue) and isinstance(value.value, ast.Name):
            if value.value.id == "__name__":
                return self.module
            value = getattr(self.nodes.get(value.value.id, [None])[0], "value", None)
        return str(value.value) if isinstance(value, ast.Constant) else "?"


def source(module: str) -> Source | None:
    """The file of a module, or at a path; None where there is none, and of libraries."""
    path = _path(module)
    if path is None or path.suffix != ".py" or not path.is_file():
        return None
    stat = path.stat()
    return _read(module, path, stat.st_mtime_ns, stat.st_size)


@cache
def _read(module: str, path: Path, changed: int, size: int) -> Source:
    return Source(path.read_text(encoding="utf-8"), module)


def _path(module: str) -> Path | None:
    if module.startswith("dipole."):
        base = Path(__file__).parents[1].joinpath(*module.split(".")[1:])
        return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    if module.endswith(".py"):
        return Path(module)
    package = module.partition(".")[0]
    if module not in sys.modules and _is_library(_found(package)):
        return None  # nothing of a library is imported to look at it
    path = _found(module)
    return None if _is_library(path) else path


def _found(module: str) -> Path | None:
    try:
        found = sys.modules.get(module) or importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    place = getattr(found, "__file__", None) or getattr(found, "origin", None)
    return Path(place) if place else None


def _is_library(path: Path | None) -> bool:
    """Whether a file is Python's own or installed."""
    if path is None or not path.is_absolute():
        return True
    return _STDLIB in path.parents or bool({"site-packages", "dist-packages"} & set(path.parts))


def _defined(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [
            part.id for target in node.targets for part in ast.walk(target)
            if isinstance(part, ast.Name)
        ]  # fmt: skip
    if isinstance(node, ast.AnnAssign | ast.AugAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def _fields(node: ast.AST) -> list[tuple[str, Any]]:
    """The fields of a node that decide something."""
    found = []
    for name, value in ast.iter_fields(node):
        if name in _UNSAID or value is None or value == []:
            continue
        if name == "annotation" and isinstance(node, ast.arg):
            continue
        if name == "body" and isinstance(value, list):
            value = [part for part in value if not _is_prose(part)]
        if name == "keywords" and isinstance(node, ast.Call):
            dropped = _PROSE.get(getattr(node.func, "id", ""), ())
            value = [part for part in value if part.arg not in dropped]
        if name == "values" and isinstance(node, ast.JoinedStr):  # Python 3.12 adds empty ones
            value = [part for part in value if getattr(part, "value", None) != ""]
        found.append((name, value))
    return found


def _is_prose(node: ast.AST) -> bool:
    """Whether a statement is a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _shape(node: Any) -> Any:
    """A syntax tree as lists of text; `ast.dump` is not the same in all versions of Python."""
    if isinstance(node, ast.AST):
        return [type(node).__name__, *([name, _shape(value)] for name, value in _fields(node))]
    if isinstance(node, list):
        return [_shape(part) for part in node]
    return ascii(node)


def _children(node: ast.AST) -> list[ast.AST]:
    """The nodes below, of the fields that decide something."""
    values = [value for _, value in _fields(node)]
    flat = [part for value in values for part in (value if isinstance(value, list) else [value])]
    return [part for part in flat if isinstance(part, ast.AST)]
