"""CoSENT against the equation written out."""

import math

import pytest
import torch

from dipole.objectives import CoSENT
from support.battery import Battery
from support.spec import Spec, cosine, lse


def oracle(anchor, positive, scores, *, temperature):
    found = [cosine(a, p) for a, p in zip(anchor, positive, strict=True)]
    n = len(found)
    wrong = [
        (found[j] - found[i]) / temperature
        for i in range(n)
        for j in range(n)
        if scores[i] > scores[j]
    ]
    return lse([0.0, *wrong])


def with_ties(sizes, generator):
    levels = torch.randint(0, 3, (sizes.n,), generator=generator).double()
    return {"scores": levels}


class TestCoSENT(Battery):
    spec = Spec("cosent", oracle, settings=({"temperature": 0.3},), draw=with_ties)


def test_only_the_order_of_the_scores_matters():
    anchor, positive = torch.randn(2, 6, 3, dtype=torch.float64)
    scores = torch.randn(6, dtype=torch.float64)
    wanted = CoSENT()(anchor, positive, scores)
    torch.testing.assert_close(CoSENT()(anchor, positive, scores.exp() * 7), wanted)


def test_pairs_of_one_score_are_not_compared():
    anchor = torch.randn(5, 3, requires_grad=True)
    loss = CoSENT()(anchor, torch.randn(5, 3), torch.ones(5))
    assert loss.item() == 0
    assert torch.autograd.grad(loss, anchor)[0].abs().max() == 0


def test_two_pairs_by_hand():
    """Cosines 0 and 1 in the wrong order at temperature 1/2: log(1 + e^2)."""
    anchor, positive = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    loss = CoSENT(0.5)(anchor, positive, torch.tensor([1.0, 5.0]))
    assert loss.item() == pytest.approx(math.log1p(math.e**2), rel=1e-6)
