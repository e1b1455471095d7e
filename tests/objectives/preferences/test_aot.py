"""AOT: margins of equal rank are compared."""

import itertools

import pytest
import torch

from dipole.objectives import AOT
from support.battery import Battery
from support.preferences import RATIOS, log_sigmoid
from support.spec import Spec


def oracle(logps, ref_logps, beta):
    own = [p[0] - p[1] for p in logps]
    reference = sorted(q[0] - q[1] for q in ref_logps)
    ranks = [sum(x < y or (x == y and j < i) for j, x in enumerate(own)) for i, y in enumerate(own)]
    return [-log_sigmoid(beta * (x - reference[r])) for x, r in zip(own, ranks, strict=True)]


class TestAOT(Battery):
    spec = Spec("aot", oracle, settings=({}, {"beta": 0.6}), draw=RATIOS, rotation=False)


def test_of_all_pairings_the_sorted_one_costs_least():
    logps, ref = torch.randn(2, 5, 2).double()
    own, reference = logps[:, 0] - logps[:, 1], ref[:, 0] - ref[:, 1]
    costs = [
        float(torch.nn.functional.softplus(reference[list(order)] - own).mean())
        for order in itertools.permutations(range(5))
    ]
    assert float(AOT(beta=1.0)(logps, ref)) == pytest.approx(min(costs))
