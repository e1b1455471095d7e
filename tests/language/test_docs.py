"""The page's code runs and prints what it says, and its objectives are those there are."""

import re
from pathlib import Path

import torch

from dipole.objectives.contract.registry import OBJECTIVES, objective_class

PAGE = Path(__file__).parents[2] / "docs" / "language-models.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_examples_of_the_page_run(tiny, capsys):
    names = {}
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        exec(block, names)
    said = re.findall(r"print\(.*\)  +# (.*)", TEXT)
    assert capsys.readouterr().out.splitlines() == said
    found = names["probabilities"](tiny)
    assert found.shape == (2, 6)
    assert isinstance(found, torch.Tensor)


def test_the_page_names_every_objective_of_preferences():
    table = re.search(r"^\| pairs, with a reference.*?\n\n", TEXT, re.DOTALL | re.M)[0]
    named = set(re.findall(r"`([a-z-]+)`", table))
    own = {name for name, place in OBJECTIVES.items() if place.startswith("preferences.")}
    assert own <= named
    kinds = {"pairs": "pair", "points": "points", "lists": "list"}
    for line in table.strip().splitlines():
        _, kind, names, _ = line.split("|")
        for name in set(re.findall(r"`([a-z-]+)`", names)) & own:
            assert objective_class(name).answers == kinds[re.match(r"\w+", kind.strip())[0]]
