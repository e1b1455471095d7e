"""f-DPO: what stands in the place of the log-ratio."""

import math

import pytest
import torch

from dipole.objectives import DPO, FDPO
from support.battery import Battery
from support.preferences import RATIOS, log_sigmoid, ratios, sigmoid
from support.spec import Spec


def oracle(logps, ref_logps, beta, divergence, alpha):
    def h(r):
        if divergence == "js":
            return math.log(2 * sigmoid(r))
        if divergence == "forward-kl":
            return 1 - math.exp(-r)
        return (math.exp(r) ** (alpha - 1) - 1) / (alpha - 1)

    return [-log_sigmoid(beta * (h(w) - h(l))) for w, l in ratios(logps, ref_logps)]


def near(sizes, generator):
    """Ratios that forward KL can take the exponential of."""
    drawn = RATIOS(sizes, generator)
    return drawn | {"logps": drawn["ref_logps"] + drawn["logps"] / 4}


class TestFDPO(Battery):
    spec = Spec(
        "f-dpo",
        oracle,
        settings=({}, {"divergence": "forward-kl"}, {"divergence": "alpha", "beta": 0.4}),
        draw=near,
        rotation=False,
    )


def test_alpha_near_one_is_dpo():
    logps, ref = -torch.rand(2, 6, 2).double()
    found = FDPO(divergence="alpha", alpha=0.999, beta=1.0)(logps, ref)
    assert float(found) == pytest.approx(float(DPO(beta=1.0)(logps, ref)), abs=1e-3)
