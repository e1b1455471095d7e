"""CoCoSoDa: four terms, four queues, a momentum encoder; every key has its own."""

import torch

from dipole.data import Pairs
from dipole.encoders import StaticText
from dipole.systems.retrieval.cocosoda import RECIPE, all_off
from support.steps import gradient

CODES = [
    "with open(path, 'r') as file: return file.read()",
    "def add(first, second): return first + second",
    "rows = sorted(rows, key=lambda row: row[0])",
    "if not file.closed: file.close(); print(file)",
]
ASKED = ["open a file and read all of it", "add two numbers", "sort by the first", "close it"]
TEXTS = {"anchor": ASKED, "positive": CODES}
PAIRS = Pairs.from_columns(TEXTS)


def encoder():
    return StaticText.from_texts(*TEXTS.values(), dim=8, dropout=0.0)


def test_all_off_is_infonce():
    assert all_off(0) < 1e-6


def test_every_key_enters_its_own_queue():
    _, towers = gradient(RECIPE, PAIRS, encoder)
    queues = {part.name: part for part in towers.parts if part.name}
    assert list(queues) == [
        "past_anchors", "past_anchor_views", "past_positives", "past_positive_views",
    ]  # fmt: skip
    for name, queue in queues.items():
        others = [other.vectors[-4:] for other in queues.values() if other is not queue]
        assert len(queue.vectors) == 1024, name
        assert not any(torch.allclose(queue.vectors[-4:], x) for x in others), name
        assert queue.keys[:-4].eq(-1).all()
