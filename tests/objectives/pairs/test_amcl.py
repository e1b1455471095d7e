"""AMCL as loops over heads and pairs."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import AMCL
from support.battery import Battery
from support.spec import Spec, cosine

WIDTH = 6


def oracle(anchor, positive, ids=None, *, heads, dim, lowest, highest, beta, seed):
    objective = AMCL(heads, dim, lowest=lowest, highest=highest, seed=seed).double()
    w = objective.phi.weight.detach().numpy()
    n = len(anchor)
    views = [anchor[i].reshape(heads, dim) for i in range(n)]
    views += [positive[i].reshape(heads, dim) for i in range(n)]

    def cost(x, y):
        x, y = x / math.sqrt(x @ x), y / math.sqrt(y @ y)
        tau = lowest + (highest - lowest) / (1 + math.exp(-((w @ x) @ (w @ y))))
        return -(x @ y) / tau + beta * (dim / 2 * math.log(tau) + 1 / tau)

    rows = []
    for i in range(2 * n):
        row = 0.0
        for c in range(heads):
            others = [
                j
                for j in range(2 * n)
                if i % n != j % n and (ids is None or ids[i % n] != ids[j % n])
            ]
            x = views[i][c]
            row += cost(x, views[(i + n) % (2 * n)][c])
            if others:
                hardest = max(others, key=lambda j: cosine(x, views[j][c]))
                row -= cost(x, views[hardest][c])
        rows.append(row)
    return rows[:n], rows[n:]


class AtWidth(Spec):
    def inputs(self, n=5, m=3, d=WIDTH, seed=0):
        return super().inputs(n, m, WIDTH, seed)


class TestAMCL(Battery):
    spec = AtWidth(
        "amcl",
        oracle,
        settings=(
            {"heads": 3, "dim": 2, "lowest": 0.05},
            {"heads": 1, "dim": 6, "lowest": 0.1, "highest": 0.5, "beta": 0.4},
        ),
        rotation=False,
        smooth=False,
    )


def test_one_temperature_and_no_regulariser_is_the_hardest_negative_less_the_positive():
    a = torch.eye(3)
    p = torch.tensor([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.6, 0.8]])
    objective = AMCL(1, 3, lowest=0.5, highest=0.5 + 1e-9, beta=0.0, reduction="none")
    # The cosine with the other view, and the largest with a view of another example.
    near, far = torch.tensor([1, 0.8, 0.8]), torch.tensor([[0.6, 0.6, 0.0], [0.6, 0.6, 0.6]])
    wanted = (far.mean(0) - near) / 0.5
    torch.testing.assert_close(objective(a, p), wanted)


def test_what_a_temperature_costs_is_least_at_two_over_the_dimensions():
    """Where the cosine is 0 and beta 1: d/2 log tau + 1 / tau."""
    x, y = torch.eye(8)[:1], torch.eye(8)[1:2]
    costs = {}
    for tau in (0.1, 0.2, 0.25, 0.3, 0.5):
        objective = AMCL(1, 8, lowest=tau, highest=tau + 1e-9, beta=1.0)
        costs[tau] = objective.cost(x, y).item()
    assert min(costs, key=costs.get) == 0.25
    assert costs[0.25] == pytest.approx(4 * math.log(0.25) + 4, abs=1e-5)


def test_it_starts_in_the_middle_and_learns():
    objective = AMCL(2, 16)
    z = torch.nn.functional.normalize(torch.randn(64, 16), dim=1)
    tau = 2 * (objective.phi(z) @ objective.phi(z).T).sigmoid()
    assert 0.9 < tau.median() < 1.1
    objective(torch.randn(6, 32), torch.randn(6, 32)).backward()
    assert objective.phi.weight.grad.any()


def test_bad_input():
    with pytest.raises(InputError, match=r"^anchor: found shape \(3, 4\), expected \(n, 6\): 3"):
        AMCL(3, 2)(torch.randn(3, 4), torch.randn(3, 4))
    with pytest.raises(InputError, match=r"^lowest: found 3.0 with .*, expected 0 < lowest"):
        AMCL(lowest=3.0)
    with pytest.raises(InputError, match=r"^heads: found 0, expected a whole number of 1 or more"):
        AMCL(heads=0)
