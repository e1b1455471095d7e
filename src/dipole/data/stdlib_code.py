"""The built-in data set `stdlib-code`: docstrings of Python's own library and their code."""

from __future__ import annotations

import ast
import json
import os
import re
import sys
import sysconfig
import textwrap
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

from dipole.data.cache import digest, keep, read_entry
from dipole.data.examples import Pairs
from dipole.errors import InputError

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

# Folders that hold no library code: installed packages, tests and their data, build settings.
_NO_LIBRARY = re.compile(r"(site|dist)-packages|__pycache__|tests?|idle_test|config-.*|__phello__")
# Decided by looking at what falls out: shorter docstrings ("a + b", "Constructor.") ask nothing,
# and shorter code has nothing in it that answers.
MIN_WORDS = 4
MIN_CODE = 80

# Shares of all pairs; a split by module can only come near them.
TEST_SHARE = (0.12, 0.15)
VALIDATION_SHARE = (0.04, 0.06)


# Raised by one whenever the rules of this file change, so that no old result is read.
VERSION = 1


@dataclass(frozen=True)
class Entry:
    """A documented function, method or class of the standard library."""

    id: str
    module: str  # top-level module or package: the unit of the split
    docstring: str  # first paragraph
    code: str  # as written, dedented, without any docstring
    file: str  # relative to the folder of the standard library
    line: int
    name: str  # qualified name inside the file


def library_folder() -> Path:
    """Where the running Python keeps its standard library."""
    return Path(sysconfig.get_paths()["stdlib"])


def library_files(root: Path) -> Iterator[Path]:
    """Every source file of the library under `root`, without tests, in a fixed order."""
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if not _NO_LIBRARY.fullmatch(name))
        for name in sorted(files):
            if name.endswith(".py") and not name.startswith("test_"):
                yield Path(folder, name)


def first_paragraph(docstring: str) -> str:
    """The first paragraph of a docstring as one line."""
    return " ".join(re.split(r"\n\s*\n", docstring.strip(), maxsplit=1)[0].split())


def _docstring_of(node: Definition) -> ast.Constant | None:
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return first.value if isinstance(first.value.value, str) else None
    return None


def _definitions(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, Definition]]:
    """Every function and class among these statements, at any depth, with its qualified name."""
    for node in body:
        if isinstance(node, Definition):
            yield f"{prefix}{node.name}", node
            yield from _definitions(node.body, f"{prefix}{node.name}.")
            continue
        for name in ("body", "orelse", "handlers", "finalbody", "cases"):
            inner = getattr(node, name, None)
            if inner:
                yield from _definitions(inner, prefix)


def code_without_docstrings(lines: list[bytes], node: Definition) -> str:
    """The source of a definition, dedented, its docstring and those inside it cut out.

    The inner ones go too: in a class they would be the answers to other questions of the set.
    Comments and formatting stay. `lines` are those of the file; columns of a tree count bytes.
    """
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    kept: list[bytes] = [b"", *lines[first - 1 : node.end_lineno]]
    for _, inner in [("", node), *_definitions(node.body)]:
        docstring = _docstring_of(inner)
        if docstring is None:
            continue
        start, end = docstring.lineno - first + 1, (docstring.end_lineno or 0) - first + 1
        before = kept[start][: docstring.col_offset]
        after = kept[end][docstring.end_col_offset or 0 :]
        # A docstring on lines of its own takes them along; else only its own characters go.
        alone = not before.strip() and not after.strip()
        kept[start : end + 1] = [b"" if alone else before + after] + [b""] * (end - start)
    source = b"".join(kept).decode("utf-8").replace("\r\n", "\n")
    return textwrap.dedent(source).strip()


def entries_of_file(path: Path, root: Path) -> Iterator[Entry]:
    """The documented definitions of one file; a file this Python cannot parse has none."""
    source = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        source.decode("utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in old modules
            tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    relative = path.relative_to(root)
    dotted = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
    lines = source.splitlines(keepends=True)
    for name, node in _definitions(tree.body):
        docstring = _docstring_of(node)
        if docstring is not None and not _is_stub(node):
            yield Entry(
                id=f"{dotted}.{name}",
                module=dotted.split(".")[0],
                docstring=first_paragraph(str(docstring.value)),
                code=code_without_docstrings(lines, node),
                file=relative.as_posix(),
                line=node.lineno,
                name=name,
            )


def _is_stub(node: Definition) -> bool:
    """A body that does nothing: `pass`, `...`, NotImplementedError, or a docstring alone."""
    for statement in node.body:
        if isinstance(statement, ast.Pass):
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if isinstance(statement, ast.Raise) and "NotImplementedError" in ast.dump(statement):
            continue
        return False
    return True


def unique_entries(root: Path) -> list[Entry]:
    """All pairs of the library under `root`, cleaned, every docstring and every code once."""
    seen: set[str] = set()
    ids: Counter[str] = Counter()
    out = []
    for path in library_files(root):
        for entry in entries_of_file(path, root):
            words = re.findall(r"[^\W\d_]{2,}", entry.docstring)
            if len(words) < MIN_WORDS or len(entry.code) < MIN_CODE:
                continue
            # Case, spacing and the last full stop make no different text.
            says = "says " + entry.docstring.casefold().rstrip(". ")
            does = "does " + " ".join(entry.code.split())
            if says in seen or does in seen:
                continue
            seen |= {says, does}
            ids[entry.id] += 1  # a property's setter has the name of its getter
            number = ids[entry.id]
            out.append(entry if number == 1 else replace(entry, id=f"{entry.id}#{number}"))
    return out


def split_modules(sizes: Mapping[str, int], seed: int) -> dict[str, str]:
    """Module -> "train", "validation" or "test": modules in the order of a hash of seed and name.

    Test takes modules until it has 12 % of all pairs, passing over one that would bring it over
    15 %; validation then takes 4 to 6 % the same way; the rest is train.
    """
    order = sorted(sizes, key=lambda name: blake2b(f"{seed} {name}".encode()).digest())
    total = sum(sizes.values())
    split = dict.fromkeys(sizes, "train")
    for part, (least, most) in (("test", TEST_SHARE), ("validation", VALIDATION_SHARE)):
        taken = 0
        for name in order:
            if split[name] == "train" and taken + sizes[name] <= most * total:
                split[name] = part
                taken += sizes[name]
            if taken >= least * total:
                break
    return split


def stdlib_code(split: str = "train", seed: int = 0) -> Pairs:
    """Pairs (docstring, code) of a split of the running Python's standard library.

    Args:
        split: "train", "validation", "test", "all", or some of them joined by "+".
        seed: decides which modules are test and which validation; no module is on two sides.

    `metadata(i)` has file (relative to the library), path (absolute), line, name and module.
    """
    parts = split.split("+")
    for part in parts:
        if part not in ("train", "validation", "test", "all"):
            raise InputError(
                f"stdlib-code: found split={part!r}; expected train, validation, test, all, "
                "or some joined by '+'"
            )
    pairs = _all_pairs()
    modules = [json.loads(text)["module"] for text in pairs.column("metadata")]
    where = split_modules(Counter(modules), seed)
    rows = [i for i, module in enumerate(modules) if "all" in parts or where[module] in parts]
    return pairs.select(rows)


def _all_pairs() -> Pairs:
    root = library_folder()
    python = ".".join(map(str, sys.version_info[:3]))
    origin = f"the standard library of Python {python} ({root})"
    name = "-".join(["stdlib_code", digest(str(root), python, VERSION)])
    entry = read_entry(name)
    if entry is not None:
        return Pairs(entry[0].combine_chunks(), origin=origin)
    entries = unique_entries(root)
    if not entries:
        raise InputError(
            f"{root}: found no Python sources with docstrings; expected a Python that "
            "has its standard library as source files"
        )
    pairs = Pairs.from_columns(
        {"anchor": [e.docstring for e in entries], "positive": [e.code for e in entries]},
        ids=[e.id for e in entries],
        metadata=[
            {
                "file": e.file,
                "path": str(root / e.file),
                "line": e.line,
                "name": e.name,
                "module": e.module,
            }
            for e in entries
        ],
        origin=origin,
    )
    keep(name, pairs.table)
    return pairs
