"""Lifted structure against the equation written out."""

import math

import pytest
import torch

from dipole.objectives import Lifted
from support.battery import Battery
from support.spec import Spec, cosine, lse


def apart(x, y):
    return math.sqrt(max(0.0, 2 - 2 * cosine(x, y)))


def oracle(views, labels=None, ids=None, *, margin):
    return [
        sum(losses) / len(losses) if losses else None
        for losses in pair_losses(views, labels, ids, margin)
    ]


def pair_losses(views, labels, ids, margin):
    """max(0, J_ij)^2 / 2 of every positive pair, anchor by anchor."""
    z = [(labels[i] if labels is not None else i, i, x) for v in views for i, x in enumerate(v)]

    def pushes(label, i, x):
        return [
            margin - apart(x, y)
            for other, j, y in z
            if other != label and (ids is None or ids[i] != ids[j])
        ]

    found = []
    for a, (label, i, x) in enumerate(z):
        losses = []
        for b, (other, j, y) in enumerate(z):
            if a != b and label == other:
                total = apart(x, y) + lse(pushes(label, i, x) + pushes(other, j, y))
                losses.append(max(0, total) ** 2 / 2)
        found.append(losses)
    return found


class TestLifted(Battery):
    spec = Spec("lifted", oracle, smooth=False)


def test_classes_of_one_size_give_the_papers_mean_over_pairs():
    views = torch.randn(1, 6, 3, dtype=torch.float64)
    labels = torch.arange(6) // 2
    both_ways = pair_losses(views.numpy(), labels.numpy(), None, 1.0)
    # J^2 / 2 of every pair twice is the sum of J^2; the paper divides it by 2 |P|.
    wanted = sum(sum(losses) for losses in both_ways) / (2 * 3)
    assert Lifted()(views, labels).item() == pytest.approx(wanted, rel=1e-9)
