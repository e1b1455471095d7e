"""Rank-N-Contrast as the double loop of its equation."""

import math

import numpy as np
import torch

from dipole.objectives import RankNContrast
from support.battery import Battery
from support.spec import Spec, lse


def oracle(views, scores, *, temperature):
    index = [(v, i) for v in range(len(views)) for i in range(len(scores))]
    rows = []
    for a, i in index:
        others = [(b, j) for b, j in index if (b, j) != (a, i)]
        s = {(b, j): -np.linalg.norm(views[a][i] - views[b][j]) / temperature for b, j in others}
        terms = []
        for b, j in others:
            farther = [
                k for k in others if abs(scores[i] - scores[k[1]]) >= abs(scores[i] - scores[j])
            ]
            terms.append(lse(s[k] for k in farther) - s[b, j])
        rows.append(sum(terms) / len(terms) if terms else None)
    return rows


def grid(sizes, generator):
    return {"scores": torch.randint(0, 4, (sizes.n,), generator=generator).double()}


class TestRankNContrast(Battery):
    spec = Spec(
        "rank-n-contrast", oracle, settings=({"temperature": 0.7},), draw=grid, smooth=False
    )


def test_vectors_in_the_order_of_their_labels_are_best():
    labels = torch.arange(6.0)
    ordered = 5 * labels[:, None]
    loss = RankNContrast()
    right = loss(ordered[None], labels)
    assert right < loss(ordered[None, torch.randperm(6)], labels)
    assert right < loss(ordered[None] * 0, labels)


def test_equal_labels_tell_nothing_apart():
    """Everybody is as near as everybody: log of the number of others."""
    z = torch.zeros(1, 5, 3)
    found = RankNContrast()(z, torch.ones(5))
    torch.testing.assert_close(found.item(), math.log(4))


def test_a_lone_view_is_not_counted():
    z = torch.randn(1, 1, 3, requires_grad=True)
    loss = RankNContrast()(z, torch.ones(1))
    loss.backward()
    assert loss.item() == 0
    assert not z.grad.any()
