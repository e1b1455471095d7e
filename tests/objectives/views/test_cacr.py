"""CACR against the equation written out."""

import math

import pytest
import torch

from dipole.objectives import CACR
from support.battery import Battery
from support.spec import Spec


def cost(x, y):
    x, y = x / math.sqrt(float(x @ x)), y / math.sqrt(float(y @ y))
    return float((x - y) @ (x - y))


def softly(costs, t):
    """The mean of the costs with weights proportional to exp(t cost)."""
    top = max(t * c for c in costs)
    weights = [math.exp(t * c - top) for c in costs]
    return sum(w * c for w, c in zip(weights, costs, strict=True)) / sum(weights)


def oracle(views, ids=None, *, alpha, beta, t_positive, t_negative):
    v, n, rows = len(views), len(views[0]), []
    for i in range(n):
        near = [
            softly([cost(views[a][i], views[b][i]) for b in range(v) if b != a], t_positive)
            for a in range(v)
        ]
        negatives = [j for j in range(n) if j != i and (ids is None or ids[j] != ids[i])]
        far = [
            softly([cost(views[a][i], views[b][j]) for j in negatives], -t_negative)
            if negatives
            else 0.0
            for a in range(v)
            for b in range(a + 1, v)
        ]
        rows.append(alpha * sum(near) / len(near) - beta * sum(far) / len(far))
    return rows


class TestCACR(Battery):
    spec = Spec("cacr", oracle, settings=({"alpha": 1.5, "t_negative": 2.0},))


def test_two_views_are_pulled_by_their_squared_distance():
    views = torch.nn.functional.normalize(torch.randn(2, 5, 3), dim=-1)
    found = CACR(beta=0.0)(views)
    torch.testing.assert_close(found, (views[0] - views[1]).square().sum(-1).mean())


def test_the_nearest_negative_is_pushed_most():
    views = torch.tensor([[[1.0, 0.0], [0.8, 0.6], [-1.0, 0.0]]]).repeat(2, 1, 1)
    views = views.requires_grad_()
    (g,) = torch.autograd.grad(CACR(alpha=0.0, t_negative=2.0, reduction="none")(views)[0], views)
    assert g[1, 1].norm() > 3 * g[1, 2].norm()


def test_weights_off_is_the_difference_of_means():
    views = torch.nn.functional.normalize(torch.randn(2, 4, 3, dtype=torch.float64), dim=-1)
    square = torch.cdist(views[0], views[1]).square()
    wanted = square.diagonal().mean() - (square.sum() - square.trace()) / 12
    found = CACR(t_positive=1e-12, t_negative=1e-12)(views)
    assert found.item() == pytest.approx(wanted.item())
