"""KTO: single answers against a reference point that has no gradient."""

import pytest
import torch

from dipole.objectives import KTO
from support.battery import Battery
from support.preferences import sigmoid, zeros
from support.spec import Spec


def oracle(
    logps,
    ref_logps,
    ratings,
    beta,
    good,
    bad,
    at,
    mismatched_logps=None,
    ref_mismatched_logps=None,
    answer_mask=None,
):
    z = 0.0
    if "mismatched_logps" in at and "ref_mismatched_logps" in at:
        other = (at["mismatched_logps"] - at["ref_mismatched_logps"]).ravel().tolist()
        z = beta * max(0.0, sum(other) / len(other))
    found = []
    for i in range(len(logps)):
        for j in range(logps.shape[1]):
            g = beta * (logps[i, j] - ref_logps[i, j])
            loss = (
                good * (1 - sigmoid(g - z)) if ratings[i, j] > 0.5 else bad * (1 - sigmoid(z - g))
            )
            found.append(loss if answer_mask is None or answer_mask[i, j] else None)
    return found


def drawn(sizes, generator):
    def logps(scale):
        return -scale * torch.rand(sizes.n, 3, generator=generator, dtype=torch.float64)

    return {"mismatched_logps": logps(2), "ref_mismatched_logps": logps(8)}


class TestKTO(Battery):
    spec = Spec(
        "kto",
        oracle,
        settings=({}, {"beta": 0.5, "good": 1.3, "bad": 0.7}),
        draw=drawn,
        rotation=False,
        detached=True,
    )


def test_a_policy_below_the_reference_elsewhere_has_no_reference_point_below_zero():
    other, ref = torch.full((1, 1), -9.0).double(), torch.full((1, 1), -1.0).double()
    value = KTO()(zeros(1, 1), zeros(1, 1), torch.ones(1, 1).double(), other, ref)
    assert float(value) == pytest.approx(0.5)
