"""GroCo against the equation written out."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import GroCo
from support.battery import Battery
from support.spec import Spec, cosine


def oracle(views, ids=None, *, k, steepness, at):
    rows = []
    fixed = at["views"]
    for v in range(len(views)):
        for i in range(len(views[0])):
            a = views[v][i]
            far = sorted(
                cosine(a, fixed[v][j])
                for j in range(len(views[0]))
                if j != i and (ids is None or ids[i] != ids[j])
            )[-k:]
            near = sorted(cosine(a, fixed[w][i]) for w in range(len(views)) if w != v)
            empty = k - len(far)
            rows.append(cost([None] * empty + far + near, k, steepness) if far else None)
    return rows


def cost(x, k, steepness):
    """Mean of both binary cross-entropies over the items."""
    n = len(x)
    share = [[float(i == r) for r in range(n)] for i in range(n)]
    for layer in range(n):
        for u in range(layer % 2, n - 1, 2):
            a, b = x[u], x[u + 1]
            if a is None or b is None:
                continue
            w = math.atan(steepness * (b - a)) / math.pi + 0.5
            x[u], x[u + 1] = w * a + (1 - w) * b, (1 - w) * a + w * b
            for row in share:
                row[u], row[u + 1] = (
                    w * row[u] + (1 - w) * row[u + 1],
                    ((1 - w) * row[u] + w * row[u + 1]),
                )
    terms = []
    for i in range(n):
        if i < k and x[i] is None:
            continue
        negative, positive = sum(share[i][:k]), sum(share[i][k:])
        if i < k:
            terms.append(-(math.log(negative) + math.log(1 - positive)) / 2)
        else:
            terms.append(-(math.log(positive) + math.log(1 - negative)) / 2)
    return sum(terms) / len(terms)


class TestGroCo(Battery):
    spec = Spec(
        "groco",
        oracle,
        settings=({"k": 2, "steepness": 3.0}, {"k": 4, "steepness": 1.0}),
        smooth=False,
        detached=True,
    )


def test_steep_and_in_order_costs_nothing_and_out_of_order_much():
    views = torch.stack([torch.eye(4), torch.eye(4)]).double()
    assert GroCo(steepness=1e4)(views).item() < 1e-3
    wrong = views.clone()
    wrong[1] = wrong[1].roll(1, 0)  # positives at 0
    wrong[0] += 0.5  # negatives above
    assert GroCo(steepness=1e4)(wrong).item() > 1


def test_the_compared_side_has_no_gradient():
    """The loss of one anchor moves that anchor, and nothing it is compared with."""
    views = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    rows = GroCo(k=2, reduction="none")(views)
    gradient = torch.autograd.grad(rows[0, 0], views)[0]
    assert gradient[0, 0].abs().max() > 0
    gradient[0, 0] = 0
    assert gradient.abs().max() == 0


def test_settings():
    with pytest.raises(InputError, match="k: found 0, expected a whole number of 1 or more"):
        GroCo(k=0)
    with pytest.raises(InputError, match=r"views: found shape \(1, .*\), expected 2 views or more"):
        GroCo()(torch.randn(1, 4, 3))
