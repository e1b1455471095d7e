"""VICReg against the equations written out."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import VICReg
from support.battery import Battery
from support.spec import Spec


def oracle(anchor, positive, *, invariance, variance, covariance, epsilon):
    n, d = anchor.shape
    loss = 0.0
    for i in range(n):
        for k in range(d):
            loss += invariance * (anchor[i][k] - positive[i][k]) ** 2 / (n * d)
    for z in (anchor, positive):
        means = [sum(z[i][k] for i in range(n)) / n for k in range(d)]
        for k in range(d):
            for m in range(d):
                products = [(z[i][k] - means[k]) * (z[i][m] - means[m]) for i in range(n)]
                c = sum(products) / (n - 1)
                if k == m:
                    loss += variance * max(0, 1 - math.sqrt(c + epsilon)) / d / 2
                else:
                    loss += covariance * c**2 / d
    return loss


class TestVICReg(Battery):
    spec = Spec(
        "vicreg",
        oracle,
        settings=({}, {"invariance": 1.0, "variance": 2.0, "covariance": 3.0}),
        rotation=False,
        smooth=False,
        least=2,
    )


def test_a_collapsed_batch_is_held_up_by_the_variance_term():
    x = torch.ones(4, 3, requires_grad=True)
    assert VICReg()(x, x).item() == pytest.approx(25 * (1 - math.sqrt(1e-4)))


def test_one_row_has_no_variance():
    with pytest.raises(InputError, match="anchor: found 1 row, expected 2 or more"):
        VICReg()(torch.ones(1, 3), torch.ones(1, 3))
