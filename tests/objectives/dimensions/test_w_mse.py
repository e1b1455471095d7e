"""W-MSE against the equation written out."""

import numpy as np
import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import WMSE
from support.battery import Battery
from support.spec import Spec


def oracle(anchor, positive):
    first, second = whitened(anchor), whitened(positive)
    rows = []
    for w, v in zip(first, second, strict=True):
        gap = w / np.sqrt(w @ w) - v / np.sqrt(v @ v)
        rows.append(gap @ gap)
    return rows


def whitened(z):
    """Forward substitution with a Cholesky factor made column by column."""
    n, d = z.shape
    z = z - sum(z) / n
    c = np.array([[sum(z[:, k] * z[:, m]) / (n - 1) for m in range(d)] for k in range(d)])
    factor = np.zeros((d, d))
    for k in range(d):
        for m in range(k + 1):
            rest = c[k, m] - sum(factor[k, j] * factor[m, j] for j in range(m))
            factor[k, m] = np.sqrt(rest) if k == m else rest / factor[m, m]
    rows = []
    for x in z:
        w = np.zeros(d)
        for k in range(d):
            w[k] = (x[k] - factor[k, :k] @ w[:k]) / factor[k, k]
        rows.append(w)
    return rows


class TestWMSE(Battery):
    spec = Spec("w-mse", oracle, rotation=False, least=7)


def test_a_batch_without_full_rank():
    for x in (torch.ones(8, 3), torch.randn(3, 5), torch.randn(1, 2)):
        with pytest.raises(InputError, match=r"anchor: found . rows whose covariance has no full"):
            WMSE()(x, x)
