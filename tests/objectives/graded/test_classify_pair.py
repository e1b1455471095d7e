"""The classifier of pairs by hand; a score is one of its classes, or between two."""

import math

import numpy as np
import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import ClassifyPair
from support.battery import Battery
from support.spec import Spec, lse

DIM = 3


def oracle(anchor, positive, scores, *, dim, outputs, hidden, seed):
    head = ClassifyPair(dim, outputs, hidden, seed).double().head
    w1, b1, w2, b2 = (x.detach().numpy() for x in head.parameters())
    rows = []
    for u, v, y in zip(anchor, positive, scores, strict=True):
        pair = np.concatenate([u, v, u * v, abs(u - v)])
        logits = w2 @ np.maximum(0, w1 @ pair + b1) + b2
        low, high = math.floor(y), math.ceil(y)  # Tai et al.: targets of both neighbours
        target = {low: 1.0} if low == high else {low: high - y, high: y - low}
        rows.append(lse(logits) - sum(share * logits[k] for k, share in target.items()))
    return rows


class AtDim(Spec):
    """A batch of the dimension the head takes."""

    def inputs(self, n=5, m=3, d=DIM, seed=0):
        return super().inputs(n, m, DIM, seed)


def three(sizes, generator):
    """Half of the scores are classes."""
    return {"scores": torch.randint(0, 5, (sizes.n,), generator=generator).double() / 2}


class TestClassifyPair(Battery):
    spec = AtDim(
        "classify-pair", oracle, settings=({"dim": DIM, "outputs": 3, "hidden": 5},), draw=three,
        rotation=False, smooth=False,
    )  # fmt: skip


@pytest.mark.parametrize(("score", "found"), [(2.5, "2.5"), (-1.0, "-1")])
def test_a_score_that_is_no_class(score, found):
    objective = ClassifyPair(dim=2)
    with pytest.raises(InputError, match=f"scores: found {found}, expected a class, 0 to 2"):
        objective(torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([score]))
