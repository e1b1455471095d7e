"""Alignment and uniformity against the equations written out, and the paper's limit."""

import math

import numpy as np
import pytest
import torch
from scipy.special import hyp0f1

from dipole.errors import InputError
from dipole.objectives import AlignmentUniformity, InfoNCE
from support.battery import Battery
from support.spec import Spec


def oracle(anchor, positive, ids=None, *, alignment, uniformity, alpha, t):
    us, vs = ([x / math.sqrt(x @ x) for x in side] for side in (anchor, positive))
    near = sum(math.sqrt((u - v) @ (u - v)) ** alpha for u, v in zip(us, vs, strict=True)) / len(us)
    return alignment * near + uniformity * (spread(us, ids, t) + spread(vs, ids, t)) / 2


def spread(xs, ids, t):
    energies = [
        math.exp(-t * (x - y) @ (x - y))
        for i, x in enumerate(xs)
        for j, y in enumerate(xs)
        if i < j and (ids is None or ids[i] != ids[j])
    ]
    return math.log(sum(energies) / len(energies)) if energies else 0.0


class TestAlignmentUniformity(Battery):
    spec = Spec("align-uniform", oracle, settings=({}, {"alpha": 1.0, "t": 0.7, "uniformity": 0.3}))


@pytest.mark.parametrize("d", [2, 8, 64])
def test_uniform_points_reach_the_closed_form(d):
    """E exp(-t ||x - y||^2) = exp(-2t) 0F1(; d/2; t^2) for x, y uniform on the sphere."""
    x = torch.randn(5000, d)
    found = AlignmentUniformity(alignment=0.0)(x, x).item()
    assert found == pytest.approx(math.log(hyp0f1(d / 2, 4.0)) - 4, abs=0.02)


def test_is_the_limit_of_infonce():
    """InfoNCE less log n comes to alignment / 2T and a row-wise uniformity."""
    n, temperature = 4000, 0.5
    u = torch.nn.functional.normalize(torch.randn(n, 3, dtype=torch.float64), dim=1)
    found = InfoNCE(temperature, symmetric=False)(u, u).item() - math.log(n)
    near_uniform = AlignmentUniformity(alignment=0.0, t=1 / (2 * temperature))(u, u).item()
    # Uniform points: every row sees the same mean, so the log may stand outside.
    assert found == pytest.approx(near_uniform, abs=0.01)
    assert np.isfinite(found)


def test_alpha_below_1():
    with pytest.raises(InputError, match=r"alpha: found 0.5, expected a number of 1 or more"):
        AlignmentUniformity(alpha=0.5)
