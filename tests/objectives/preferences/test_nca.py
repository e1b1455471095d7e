"""InfoNCA and NCA: lists of rated answers, of which a pair is one."""

import math

import pytest
import torch

from dipole.objectives import DPO, NCA, InfoNCA
from support.battery import Battery
from support.preferences import log_sigmoid
from support.spec import Spec, lse


def rows(logps, ref_logps, ratings, beta, alpha, answer_mask, one):
    found = []
    for i in range(len(logps)):
        there = [j for j in range(logps.shape[1]) if answer_mask is None or answer_mask[i, j]]
        if len(there) < 2:
            found.append(None)
            continue
        g = [beta * (logps[i, j] - ref_logps[i, j]) for j in there]
        r = [ratings[i, j] / alpha for j in there]
        w = [math.exp(x - lse(r)) for x in r]
        found.append(one(g, w))
    return found


def infonca(logps, ref_logps, ratings, beta, alpha, answer_mask=None):
    def one(g, w):
        return -sum(a * (b - lse(g)) for a, b in zip(w, g, strict=True))

    return rows(logps, ref_logps, ratings, beta, alpha, answer_mask, one)


def nca(logps, ref_logps, ratings, beta, alpha, answer_mask=None):
    def one(g, w):
        positive = sum(a * log_sigmoid(b) for a, b in zip(w, g, strict=True))
        return -positive - sum(log_sigmoid(-b) for b in g) / len(g)

    return rows(logps, ref_logps, ratings, beta, alpha, answer_mask, one)


class TestInfoNCA(Battery):
    spec = Spec(
        "infonca", infonca, settings=({"alpha": 0.5}, {"beta": 0.6, "alpha": 2.0}), rotation=False
    )


class TestNCA(Battery):
    spec = Spec("nca", nca, settings=({"alpha": 0.5}, {"beta": 0.6, "alpha": 2.0}), rotation=False)


def test_a_pair_with_hard_targets_is_dpo():
    logps, ref = -9 * torch.rand(2, 5, 2).double()
    ratings = torch.tensor([[1.0, 0.0]]).double().repeat(5, 1)
    found = InfoNCA(beta=0.3)(logps, ref, ratings)
    assert float(found) == pytest.approx(float(DPO(beta=0.3)(logps, ref)), abs=1e-12)


def test_only_nca_says_how_likely_an_answer_is():
    """A constant added to all rewards of a prompt changes NCA and leaves InfoNCA as it is."""
    logps, ref = -9 * torch.rand(2, 5, 3).double()
    ratings = torch.rand(5, 3).double()
    for cls, same in ((InfoNCA, True), (NCA, False)):
        one, other = (float(cls()(x, ref, ratings)) for x in (logps, logps - 3))
        assert (abs(one - other) < 1e-12) is same


def test_at_the_optimum_of_nca_the_odds_are_the_targets():
    """sigma(g) / (1 - sigma(g)) = K w: descent from a random start finds g = log(K w)."""
    ratings = torch.tensor([[1.0, 0.2, 0.6]]).double()
    logps = torch.randn(1, 3).double().requires_grad_()
    objective = NCA(beta=1.0, alpha=0.7)
    optimizer = torch.optim.LBFGS(
        [logps], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-15
    )

    def closure():
        optimizer.zero_grad()
        loss = objective(logps, torch.zeros(1, 3).double(), ratings)
        loss.backward()
        return loss

    optimizer.step(closure)
    wanted = (3 * (ratings / 0.7).softmax(1)).log()
    torch.testing.assert_close(logps.detach(), wanted, atol=1e-6, rtol=0)
