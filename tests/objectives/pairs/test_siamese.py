"""The Siamese cosine against the equation written out."""

import math

import numpy as np
import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import Siamese
from support.battery import Battery
from support.spec import Spec, cosine

DIM = 3


def oracle(anchor, positive, *, dim, hidden, seed, at):
    predictor = Siamese(dim, hidden, seed).double().predictor
    first, norm, _, last = predictor
    w1, w2, b2 = (x.detach().numpy() for x in (first.weight, last.weight, last.bias))

    def h(z):
        inside = w1 @ z
        mean = sum(inside) / len(inside)
        variance = sum((x - mean) ** 2 for x in inside) / len(inside)
        inside = [max(0, (x - mean) / math.sqrt(variance + norm.eps)) for x in inside]
        return w2 @ np.array(inside) + b2

    rows = []
    for i in range(len(anchor)):
        there = cosine(h(anchor[i]), at["positive"][i])
        back = cosine(h(positive[i]), at["anchor"][i])
        rows.append(-(there + back) / 2)
    return rows


class AtDim(Spec):
    """Batches of the dimension the predictor takes."""

    def inputs(self, n=5, m=3, d=DIM, seed=0):
        return super().inputs(n, m, DIM, seed)


class TestSiamese(Battery):
    spec = AtDim(
        "siamese", oracle, settings=({"dim": DIM, "hidden": 5},), rotation=False, detached=True
    )


def test_the_target_holds_still_and_the_predictor_learns():
    objective = Siamese(DIM, hidden=5)
    a, p = torch.randn(2, 6, DIM, requires_grad=True)
    objective(a, p).backward()
    assert all(weight.grad.any() for weight in objective.parameters())


def test_vectors_of_another_dimension():
    with pytest.raises(InputError, match=r"anchor: found shape \(4, 5\), expected \(n, 3\)"):
        Siamese(DIM)(torch.randn(4, 5), torch.randn(4, 5))
