"""Cross-uniformity against the equation written out."""

import math

import torch

from dipole.objectives import CrossUniformity
from support.battery import Battery
from support.spec import Spec


def oracle(anchor, positive, ids=None, *, t):
    n, energies = len(anchor), []
    u = [x / math.sqrt(float(x @ x)) for x in anchor]
    v = [x / math.sqrt(float(x @ x)) for x in positive]
    for i in range(n):
        for j in range(n):
            if j != i and (ids is None or ids[j] != ids[i]):
                energies.append(math.exp(-t * float((u[i] - v[j]) @ (u[i] - v[j]))))
    return math.log(sum(energies) / len(energies)) if energies else 0.0


class TestCrossUniformity(Battery):
    spec = Spec("cross-uniformity", oracle, settings=({"t": 1.5},))


def test_all_in_one_place_is_the_worst():
    x = torch.ones(4, 3)
    assert CrossUniformity()(x, x).abs().item() < 1e-5
    assert CrossUniformity()(x, -x).item() < -7.9  # ||x - y||^2 = 4
