"""Circle loss against the equation written out; its pair weights carry no gradient."""

import math

import pytest
import torch

from dipole.objectives import Circle
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(views, labels=None, ids=None, *, temperature, margin, at):
    index = [(v, i) for v in range(len(views)) for i in range(len(views[0]))]
    labels = range(len(views[0])) if labels is None else labels
    rows = []
    for v, i in index:
        push, pull = [], []
        for w, j in index:
            s = cosine(views[v][i], views[w][j])
            then = cosine(at["views"][v][i], at["views"][w][j])
            if (w, j) == (v, i):
                continue
            if labels[i] == labels[j]:
                pull.append(-max(0, 1 + margin - then) * (s - (1 - margin)) / temperature)
            elif ids is None or ids[i] != ids[j]:
                push.append(max(0, then + margin) * (s - margin) / temperature)
        rows.append(lse([0, lse(push) + lse(pull)]) if push and pull else None)
    return rows


class TestCircle(Battery):
    spec = Spec("circle", oracle, settings=({"temperature": 0.3},), smooth=False, detached=True)


def test_three_vectors_by_hand():
    """Positive at cosine 1, negative at 0: weights 0.4 and 0.4, both at 0.4 beyond their aim."""
    z = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    rows = Circle(temperature=1.0, reduction="none")(z, torch.tensor([0, 0, 1]))
    assert rows[0, 0].item() == pytest.approx(math.log1p(math.exp(-2 * 0.4 * 0.4)))
    assert rows[0, 2] == 0
