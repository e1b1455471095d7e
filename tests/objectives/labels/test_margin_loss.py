"""Margin as the loop over all triplets."""

import math

import torch

from dipole.objectives import Margin
from support.battery import Battery
from support.spec import Spec, cosine


def oracle(views, labels=None, ids=None, *, margin, beta, learn=False):
    z = [(labels[i] if labels is not None else i, i, x) for v in views for i, x in enumerate(v)]
    sums, above = [0.0] * len(z), 0
    for a, (label, i, x) in enumerate(z):

        def apart(y, x=x):
            return math.sqrt(max(0.0, 2 - 2 * cosine(x, y)))

        positives = [y for b, (other, _, y) in enumerate(z) if a != b and other == label]
        negatives = [y for other, j, y in z if other != label and (ids is None or ids[i] != ids[j])]
        for p in positives:
            for n in negatives:
                both = [max(0.0, apart(p) - beta + margin), max(0.0, beta + margin - apart(n))]
                sums[a] += sum(both)
                above += sum(term > 0 for term in both)
    return [len(z) * one / max(above, 1) for one in sums]


class TestMargin(Battery):
    spec = Spec("margin-loss", oracle, settings=({}, {"beta": 0.8, "learn": True}), smooth=False)


def test_the_boundary_learns_where_it_is_asked_to():
    z = torch.randn(1, 6, 3)
    for learn in (False, True):
        objective = Margin(learn=learn)
        objective(z.clone().requires_grad_(), torch.arange(6) // 2).backward()
        assert (objective.shift.grad is not None) == learn
