"""AMCL as loops over heads and pairs."""

import math

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import AMCL, NTXent
from support.battery import Battery
from support.spec import Spec, cosine, lse

WIDTH = 6


def oracle(
    anchor,
    positive,
    ids=None,
    *,
    heads,
    dim,
    lowest,
    highest,
    start,
    regulariser,
    beta,
    seed,
):
    objective = AMCL(heads, dim, lowest=lowest, highest=highest, start=start, seed=seed).double()
    w = objective.phi.weight.detach().numpy()
    bias = objective.bias.item()
    n = len(anchor)
    views = [anchor[i].reshape(heads, dim) for i in range(n)]
    views += [positive[i].reshape(heads, dim) for i in range(n)]
    rows = []
    for i in range(2 * n):
        row = 0.0
        for c in range(heads):
            scores, costs = {}, []
            for j in range(2 * n):
                twins = i % n == j % n
                if i == j or (not twins and ids is not None and ids[i % n] == ids[j % n]):
                    continue
                x, y = views[i][c], views[j][c]
                x, y = x / math.sqrt(x @ x), y / math.sqrt(y @ y)
                tau = lowest + (highest - lowest) / (1 + math.exp(-((w @ x) @ (w @ y)) - bias))
                scores[j] = cosine(x, y) / tau
                # The paper's d' / 2 log tau + beta d' / tau, over d'.
                costs.append((dim / 2 * math.log(tau) + beta * dim / tau) / dim)
            own = (i + n) % (2 * n)
            row += lse(scores.values()) - scores[own]
            row += regulariser * sum(costs) / len(costs) / heads
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
            {"heads": 3, "dim": 2},
            {"heads": 1, "dim": 6, "start": 0.5, "lowest": 0.1, "regulariser": 1.0, "beta": 0.4},
        ),
        rotation=False,
    )


def test_one_head_and_one_temperature_is_ntxent():
    a, p = torch.randn(2, 5, 4)
    objective = AMCL(1, 4, start=0.3, regulariser=0.0)
    objective.phi.weight.data.zero_()
    torch.testing.assert_close(objective(a, p), NTXent(0.3)(a, p))


def test_the_regulariser_is_least_at_twice_beta():
    """Of identical vectors the contrast is log of the candidates, whatever the temperature."""
    a = torch.ones(4, 3)
    values = {}
    for start in (0.1, 0.15, 0.2, 0.25, 0.5):
        objective = AMCL(1, 3, start=start, beta=0.1, regulariser=1.0)
        objective.phi.weight.data.zero_()
        values[start] = objective(a, a).item() - math.log(7)
    assert min(values, key=values.get) == 0.2
    assert values[0.2] == pytest.approx(math.log(0.2) / 2 + 0.5, abs=1e-5)


def test_it_starts_near_the_temperature_asked_for_and_learns():
    objective = AMCL(2, 16)
    z = torch.nn.functional.normalize(torch.randn(64, 16), dim=1)
    dots = objective.phi(z) @ objective.phi(z).T + objective.bias
    tau = 0.05 + 1.95 * dots.sigmoid()
    assert 0.15 < tau.median() < 0.25
    objective(torch.randn(6, 32), torch.randn(6, 32)).backward()
    assert objective.phi.weight.grad.any()
    assert objective.bias.grad.item() != 0


def test_bad_input():
    with pytest.raises(InputError, match=r"^anchor: found shape \(3, 4\), expected \(n, 6\): 3"):
        AMCL(3, 2)(torch.randn(3, 4), torch.randn(3, 4))
    with pytest.raises(InputError, match=r"^start: found 3.0 with .*, expected 0 < lowest"):
        AMCL(start=3.0)
    with pytest.raises(InputError, match=r"^heads: found 0, expected a whole number of 1 or more"):
        AMCL(heads=0)
