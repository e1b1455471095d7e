"""A process killed while it writes leaves the index as it was or as it should be."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dipole.retrieval import Index
from dipole.retrieval import table as lance

Content = dict[str, tuple[str, dict[str, Any]]]


def content(documents: list[Any]) -> Content:
    return {d.id: (d.text, dict(d.metadata)) for d in documents}


def read(index: Index) -> Content:
    """Every row of the published version, read without any search."""
    rows = index._read(
        lambda opened: opened.table.to_table(columns=["id", "text", "metadata"]).to_pylist()
    )
    assert len(rows) == len({row["id"] for row in rows}) == len(index)
    return {row["id"]: (row["text"], json.loads(row["metadata"])) for row in rows}


def found_by_words(index: Index) -> Content:
    rows = index._read(lambda opened: lance.matching(opened.table, "page", 1000))
    return {row["id"]: (row["text"], json.loads(row["metadata"])) for row in rows}


def found_by_vector(index: Index) -> Content:
    vector = index.encoder.encode(["one two three"], role="query")[0]
    rows = index._read(lambda opened: lance.nearest(opened.table, vector, 1000, exact=False))
    return {row["id"]: (row["text"], json.loads(row["metadata"])) for row in rows}


def states(words: ModuleType) -> dict[str, tuple[Content, Content]]:
    """Before and after every operation of killing.py."""
    base = content(words.numbered(0, 90))
    return {
        "create": ({}, base),
        "add": (base, base | content(words.numbered(90, 150))),
        "little": (base, base | content(words.numbered(90, 93))),
        "replace": (base, base | content(words.numbered(60, 120, "new"))),
        "delete": (base, {i: d for i, d in base.items() if not 30 <= int(i) < 70}),
    }


RANDOM = int(os.environ.get("DIPOLE_TEST_KILLS", "5"))  # more of them to look harder


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory, words: ModuleType) -> Path:
    """A folder of indexes, each changed by a process that was killed."""
    root = tmp_path_factory.mktemp("killed")
    Index.create(root / "base", words.Words(), words.numbered(0, 90))
    script = Path(__file__).with_name("killing.py")
    seed = str(random.randrange(10**6))
    run = subprocess.run(
        [sys.executable, str(script), str(root), str(RANDOM), seed],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    print(f"seed {seed}\n{run.stdout}")
    return root


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["create", "add", "little", "replace", "delete"])
def test_a_killed_writer_leaves_one_of_two_states(
    operation: str, killed: Path, words: ModuleType
) -> None:
    before, after = states(words)[operation]
    names = (killed / f"{operation}.txt").read_text().split()
    assert len(names) >= 3 + RANDOM
    ended: dict[str, Content] = {}
    for folder in (killed / name for name in names):
        if not folder.exists():
            assert operation == "create"
            ended[folder.name] = {}
            index = Index.create(folder, words.Words(), words.numbered(0, 90))
            state = after
        else:
            index = Index.open(folder)
            ended[folder.name] = state = read(index)
        assert state in (before, after), folder.name
        assert found_by_words(index) == found_by_vector(index) == state, folder.name
        # The next writer is not disturbed by what the killed one left.
        index.add(words.numbered(900, 905))
        more = state | content(words.numbered(900, 905))
        assert read(index) == found_by_words(index) == found_by_vector(index) == more, folder.name
    assert not list(killed.glob(f".{operation}*"))  # nothing unfinished is left lying about
    # A new index is there when its folder has its name, a changed one when index.json is replaced.
    last = "rename" if operation == "create" else "replace"
    assert ended[f"{operation}-{last}-False"] == before
    assert ended[f"{operation}-{last}-True"] == ended[f"{operation}-whole"] == after
