"""The built-in data set `stdlib-code`: docstrings of Python's own library and their code."""

from __future__ import annotations

import json
import os
import re
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from dipole.data.cache import digest, keep, read_entry
from dipole.data.definitions import Definition, definitions
from dipole.data.examples import Pairs
from dipole.errors import InputError

# Folders that hold no library code: installed packages, tests and their data, build settings.
_NO_LIBRARY = re.compile(r"(site|dist)-packages|__pycache__|tests?|idle_test|config-.*|__phello__")
# Shares of all pairs; a split by module can only come near them.
TEST_SHARE = (0.12, 0.15)
VALIDATION_SHARE = (0.04, 0.06)


# Raised by one whenever the rules of this file change, so that no old result is read.
VERSION = 2


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


@dataclass(frozen=True)
class Entry:
    """A definition and where it stands."""

    id: str
    module: str  # top-level module or package: the unit of the split
    file: str  # relative to the folder of the standard library
    definition: Definition


def unique_entries(root: Path) -> list[Entry]:
    """All definitions of the library under `root`, every docstring and every code once."""
    seen: set[str] = set()
    ids: Counter[str] = Counter()
    out = []
    for path in library_files(root):
        relative = path.relative_to(root)
        module = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
        for found in definitions(path.read_bytes()):
            # Case, spacing and the last full stop make no different text.
            says = "says " + found.docstring.casefold().rstrip(". ")
            does = "does " + " ".join(found.code.split())
            if says in seen or does in seen:
                continue
            seen |= {says, does}
            identity = f"{module}.{found.name}"
            ids[identity] += 1  # a property's setter has the name of its getter
            if ids[identity] > 1:
                identity += f"#{ids[identity]}"
            out.append(Entry(identity, module.split(".")[0], relative.as_posix(), found))
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
        {
            "anchor": [e.definition.docstring for e in entries],
            "positive": [e.definition.code for e in entries],
        },
        ids=[e.id for e in entries],
        metadata=[
            {
                "file": e.file,
                "path": str(root / e.file),
                "line": e.definition.line,
                "name": e.definition.name,
                "module": e.module,
            }
            for e in entries
        ],
        origin=origin,
    )
    keep(name, pairs.table)
    return pairs
