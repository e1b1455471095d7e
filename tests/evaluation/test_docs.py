"""The examples of the pages run, one after the other, as a reader would run them."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("page", "blocks", "pictures"),
    [
        ("statistics.md", 4, []),
        ("plots.md", 4, ["curves", "leaderboard", "map", "own", "paired", "plane", "similarities",
                         "spectrum"]),
        ("geometry.md", 3, ["lens"]),
        ("bounds.md", 2, []),
        ("evaluation.md", 15, []),
    ],
)  # fmt: skip
def test_page(page, blocks, pictures, tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    text = (DOCS / page).read_text("utf-8")
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(code) == blocks
    names: dict[str, object] = {}
    for block in code:
        exec(block, names)
    assert sorted(file.stem for file in tmp_path.glob("*.png")) == pictures
    for picture in re.findall(r"\]\((pictures/[^)]*)\)", text):
        assert (DOCS / picture).exists()


@pytest.mark.parametrize(
    "module",
    ["bounds.theorems", "bounds.gap", "bounds.sufficiency", "statistics.corrections",
     "geometry.whole", "geometry.pairs", "geometry.space", "geometry.gradient_lens",
     "tasks.neighbours", "statistics.over_seeds", "tasks.pair_classification", "tasks.retrieval",
     "statistics.standings", "statistics.intervals", "stored_vectors"],
)  # fmt: skip
def test_docstrings(module):
    found = doctest.testmod(importlib.import_module(f"dipole.evaluation.{module}"))
    assert found.attempted > 0
    assert found.failed == 0
