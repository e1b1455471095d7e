"""Barlow Twins against the equation written out."""

import math

import pytest
import torch

from dipole.objectives import BarlowTwins
from support.battery import Battery
from support.spec import Spec


def oracle(anchor, positive, *, redundancy):
    n, d = anchor.shape
    first = [standard([anchor[i][k] for i in range(n)]) for k in range(d)]
    second = [standard([positive[i][k] for i in range(n)]) for k in range(d)]
    loss = 0.0
    for k in range(d):
        for m in range(d):
            c = sum(a * b for a, b in zip(first[k], second[m], strict=True)) / n
            loss += (1 - c) ** 2 if k == m else redundancy * c**2
    return loss


def standard(values):
    mean = sum(values) / len(values)
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
    return [(v - mean) / (deviation or 1) for v in values]


class TestBarlowTwins(Battery):
    spec = Spec("barlow-twins", oracle, settings=({"redundancy": 0.1},), rotation=False)


def test_scale_and_shift_of_a_dimension_mean_nothing():
    first, second = torch.randn(2, 12, 3, dtype=torch.float64)
    moved = second * torch.tensor([0.1, 3.0, 7.0]) + torch.tensor([5.0, -1.0, 0.0])
    wanted = BarlowTwins()(first, second)
    torch.testing.assert_close(BarlowTwins()(first, moved), wanted)


def test_a_collapsed_batch_has_the_largest_alignment_term_and_a_finite_gradient():
    x = torch.ones(6, 3, requires_grad=True)
    loss = BarlowTwins()(x, x)
    assert loss.item() == pytest.approx(3)
    assert torch.autograd.grad(loss, x)[0].isfinite().all()
