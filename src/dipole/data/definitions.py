"""Documented functions and classes of a Python file: what each says, and its code."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

Node = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

# Decided by looking at what falls out: shorter docstrings ("a + b", "Constructor.") ask nothing,
# and shorter code ("def year(self): return self._year") has nothing in it that answers.
MIN_WORDS = 4
MIN_CODE = 80

_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Definition:
    """A documented function, method or class."""

    name: str  # qualified name inside the file
    line: int
    docstring: str  # first paragraph
    code: str  # as written, dedented, without docstrings


def definitions(source: bytes) -> Iterator[Definition]:
    """The documented definitions of a file that say and do enough; none if it does not parse.

    The code keeps comments and formatting. Docstrings inside it are cut out, too, and a function
    that is a definition of its own shows its signature alone: else the code (and the docstring) of
    a method would stand in two places, and a question for it would have two answers.
    """
    source = source.removeprefix(b"\xef\xbb\xbf")
    try:
        source.decode("utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in old modules
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    lines = source.splitlines(keepends=True)
    for name, node in _nodes(tree.body):
        found = _definition(name, node, lines)
        if found is not None:
            yield found


def first_paragraph(docstring: str) -> str:
    """The first paragraph of a docstring as one line."""
    return " ".join(re.split(r"\n\s*\n", docstring.strip(), maxsplit=1)[0].split())


def _definition(name: str, node: Node, lines: list[bytes]) -> Definition | None:
    docstring = _docstring(node)
    if docstring is None or _does_nothing(node):
        return None
    says = first_paragraph(str(docstring.value))
    if len(_WORD.findall(says)) < MIN_WORDS:
        return None
    code = _code(node, lines)
    return Definition(name, node.lineno, says, code) if len(code) >= MIN_CODE else None


def _nodes(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Node]]:
    """Every function and class among these statements, at any depth, with its qualified name."""
    for name, node in _outer_nodes(body):
        yield f"{prefix}{name}", node
        yield from _nodes(node.body, f"{prefix}{name}.")


def _outer_nodes(body: list[ast.stmt]) -> Iterator[tuple[str, Node]]:
    """The same without those inside others; in an `if` or a `try` they are found."""
    for node in body:
        if isinstance(node, Node):
            yield node.name, node
            continue
        for name in ("body", "orelse", "handlers", "finalbody", "cases"):
            inner = getattr(node, name, None)
            if inner:
                yield from _outer_nodes(inner)


def _docstring(node: Node) -> ast.Constant | None:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return first.value if isinstance(first.value.value, str) else None
    return None


def _does_nothing(node: Node) -> bool:
    """A body of `pass`, `...`, NotImplementedError, or of a docstring alone."""
    for statement in node.body:
        if isinstance(statement, ast.Pass):
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if isinstance(statement, ast.Raise) and "NotImplementedError" in ast.dump(statement):
            continue
        return False
    return True


# A stretch of the file and what stands there instead: (line, column, line, column, text), columns
# in bytes as in the tree.
Cut = tuple[int, int, int, int, bytes]


def _cuts(node: Node, lines: list[bytes]) -> Iterator[Cut]:
    docstring = _docstring(node)
    if docstring is not None:  # the only statement leaves a placeholder: the code stays Python
        yield (*_place(docstring), b"..." if len(node.body) == 1 else b"")
    for _, inner in _outer_nodes(node.body):
        if not isinstance(inner, ast.ClassDef) and _definition("", inner, lines) is not None:
            start, column, *_ = _place(inner.body[0])
            *_, end, end_column = _place(inner)
            yield start, column, end, end_column, b"..."
        else:
            yield from _cuts(inner, lines)


def _place(node: ast.stmt | ast.expr) -> tuple[int, int, int, int]:
    return node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0


def _code(node: Node, lines: list[bytes]) -> str:
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    kept = lines[first - 1 : node.end_lineno]
    for start, column, end, end_column, text in _cuts(node, lines):
        before = kept[start - first][:column]
        after = kept[end - first][end_column:]
        if not text:  # in `"""..."""; return x` the semicolon goes, too
            after = re.sub(rb"^[ \t]*;[ \t]*", b"", after)
        # What stands on lines of its own and leaves nothing takes the lines along.
        alone = not text and not before.strip() and not after.strip()
        kept[start - first] = b"" if alone else before + text + after
        kept[start - first + 1 : end - first + 1] = [b""] * (end - start)
    # Not textwrap.dedent: a comment or a string that starts further left would stop it.
    indent = node.col_offset
    kept = [line if line[:indent].strip() else line[indent:] for line in kept]
    return b"".join(kept).decode("utf-8").replace("\r\n", "\n").strip()
