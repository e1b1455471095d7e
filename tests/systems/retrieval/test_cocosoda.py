"""CoCoSoDa: four terms, four queues, a momentum encoder; each of them takes part."""

import pytest
import torch

from dipole.data import Pairs
from dipole.encoders import StaticText
from dipole.systems.retrieval.cocosoda import RECIPE, all_off, parts, terms
from support.steps import check_missed, gradient

CODES = [
    "with open(path, 'r') as file: return file.read()",
    "def add(first, second): return first + second",
    "rows = sorted(rows, key=lambda row: row[0])",
    "if not file.closed: file.close(); print(file)",
]
ASKED = ["open a file and read all of it", "add two numbers", "sort by the first", "close it"]
TEXTS = {"anchor": ASKED, "positive": CODES}
PAIRS = Pairs.from_columns(TEXTS)
TERMS = terms().split(" + ")


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


@pytest.mark.parametrize(
    "settings",
    [
        *({"objective": " + ".join(t for t in TERMS if t != term)} for term in TERMS),
        {"objective": terms(queues=False), "parts": parts(0.999, queues=False)},
        {"view": [], "view_options": {}}
        | {"objective": terms(view=""), "parts": parts(0.999, view="")},
        {"view_options": {}},
        {"parts": parts(0.0)},
        {"temperature": 0.2},
        {"objective_options": {}},
    ],
)
def test_whatever_is_taken_away_is_missed(settings):
    objective = settings.get("objective", "")
    if objective and "parts" not in settings:  # a queue that nobody takes is refused
        kept = [
            p for p in parts(0.999) if "queue" not in p or p["queue"]["name"] + ")" in objective
        ]
        settings = settings | {"parts": kept}
        assert len(kept) == 4
    check_missed(RECIPE, PAIRS, encoder, **settings)
