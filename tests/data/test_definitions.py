from __future__ import annotations

import ast
import copy
import re
from pathlib import Path

import pytest

from dipole.data.definitions import Definition, Node, definitions, first_paragraph
from dipole.data.stdlib_code import library_folder

SOURCE = '''\
# before
@decorate(
    1,
)
def outer(a, b):
    """Say something in enough words.

    More about it.
    """
    # a comment stays
    x = 'a "quoted" text'   # and so does    spacing
# a comment further left
    def inner():
        "A docstring on a line."; return 'é', x
    return [inner() for _ in range(a + b) if "é" != x]


class Thing(Base):
    """A thing that is described in words."""

    limit = 10 ** 6

    def documented(self, value):
        """Change the value in a way that is described."""
        self.value = value * self.limit + sum(range(value)) - len(str(value))
        return self.value

    def short(self):
        """Gone, but the body stays."""
        return self.limit

    def undocumented(self): return self.limit

    def promised(self):
        """Only words here, and no code."""


def stub():
    """This is described in many words but does nothing."""
    raise NotImplementedError("a long message that makes the code long enough to be kept ........")
'''


def found(source: str) -> dict[str, Definition]:
    return {definition.name: definition for definition in definitions(source.encode())}


def test_docstrings_are_cut_and_nothing_else() -> None:
    outer = found(SOURCE)["outer"]
    assert outer.docstring == "Say something in enough words."
    assert outer.line == 5
    assert outer.code == (
        "@decorate(\n    1,\n)\ndef outer(a, b):\n"
        "    # a comment stays\n"
        "    x = 'a \"quoted\" text'   # and so does    spacing\n"
        "# a comment further left\n"
        "    def inner():\n"
        "        return 'é', x\n"
        '    return [inner() for _ in range(a + b) if "é" != x]'
    )


def test_a_method_that_is_an_entry_shows_its_signature_in_the_class() -> None:
    entries = found(SOURCE)
    assert list(entries) == ["outer", "Thing", "Thing.documented"]
    assert entries["Thing"].code == (
        "class Thing(Base):\n\n    limit = 10 ** 6\n\n"
        "    def documented(self, value):\n        ...\n\n"
        "    def short(self):\n        return self.limit\n\n"
        "    def undocumented(self): return self.limit\n\n"
        "    def promised(self):\n        ..."
    )
    assert entries["Thing.documented"].code.startswith(
        "def documented(self, value):\n    self.value"
    )


def test_definitions_inside_statements_and_functions_are_found() -> None:
    body = (
        "        return [value for value in range(number) if value % 2 == 0 and value % 3 == 0]\n"
    )
    source = (
        "try:\n    import x\nexcept ImportError:\n"
        '    def fallback(number):\n        "Return the numbers that are even."\n' + body
    )
    assert list(found(source)) == ["fallback"]
    assert list(found(source.replace("\n", "\r\n"))) == ["fallback"]
    assert "\r" not in found(source.replace("\n", "\r\n"))["fallback"].code
    assert list(found("\ufeff" + source)) == ["fallback"]


@pytest.mark.parametrize("source", [b"def f(:\n", b"x = '\xff'\n", b"\0", b""])
def test_a_file_that_does_not_parse_has_none(source: bytes) -> None:
    assert list(definitions(source)) == []


def test_first_paragraph_is_one_line() -> None:
    assert first_paragraph("\n  One\n   two.\n  \t\n  Three.") == "One two."


def test_all_code_of_real_modules_is_the_tree_without_docstrings() -> None:
    """Another road: the code parses to the file's tree with docstrings taken out there."""
    count = 0
    for name in ("argparse", "asyncio/base_events", "codecs", "mailbox", "numbers"):
        source = Path(library_folder(), f"{name}.py").read_bytes()
        entries = {(d.name.split(".")[-1], d.line): d for d in definitions(source)}
        for node in ast.walk(ast.parse(source)):
            entry = entries.get((getattr(node, "name", ""), getattr(node, "lineno", 0)))
            if isinstance(node, Node) and entry is not None:
                wanted = _Without(entries, node).visit(copy.deepcopy(node))
                assert _dump(ast.parse(entry.code).body[0]) == _dump(wanted), (name, entry.name)
                count += 1
    assert count > 100


class _Without(ast.NodeTransformer):
    def __init__(self, entries: dict[tuple[str, int], Definition], top: Node) -> None:
        self.entries = entries
        self.top = (top.name, top.lineno)

    def visit_FunctionDef(self, node: Node) -> Node:
        where = (node.name, node.lineno)
        placeholder: list[ast.stmt] = [ast.Expr(ast.Constant(...))]
        if where != self.top and where in self.entries and not isinstance(node, ast.ClassDef):
            node.body = placeholder
            return node
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or placeholder
        self.generic_visit(node)
        return node

    visit_AsyncFunctionDef = visit_ClassDef = visit_FunctionDef  # noqa: N815


def _dump(node: ast.AST) -> str:
    """The tree; blanks do not count, as dedenting changes those inside of texts."""
    return re.sub(r"\\n|\s+", "", ast.dump(node))
