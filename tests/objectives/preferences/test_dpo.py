"""DPO, cDPO and robust DPO."""

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import DPO, RobustDPO
from support.battery import Battery
from support.preferences import RATIOS, log_sigmoid, ratios
from support.spec import Spec


def smoothed(logps, ref_logps, beta, label_smoothing):
    found = []
    for chosen, rejected in ratios(logps, ref_logps):
        m = beta * (chosen - rejected)
        found.append(-(1 - label_smoothing) * log_sigmoid(m) - label_smoothing * log_sigmoid(-m))
    return found


def robust(logps, ref_logps, beta, label_smoothing):
    found = []
    for chosen, rejected in ratios(logps, ref_logps):
        m, e = beta * (chosen - rejected), label_smoothing
        found.append((-(1 - e) * log_sigmoid(m) + e * log_sigmoid(-m)) / (1 - 2 * e))
    return found


class TestDPO(Battery):
    spec = Spec(
        "dpo",
        smoothed,
        settings=({}, {"beta": 0.5, "label_smoothing": 0.2}),
        draw=RATIOS,
        rotation=False,
    )


class TestRobustDPO(Battery):
    spec = Spec("robust-dpo", robust, settings=({}, {"beta": 1.0}), draw=RATIOS, rotation=False)


def test_the_mean_over_turned_pairs_of_robust_dpo_is_dpo():
    """Its reason: with a share e of the pairs turned, the expectation is the loss of the truth."""
    logps, ref = -torch.rand(6, 2).double() * 9, -torch.rand(6, 2).double() * 9
    right, turned = (
        RobustDPO(beta=0.3, label_smoothing=0.2)(*x)
        for x in ((logps, ref), (logps.flip(1), ref.flip(1)))
    )
    plain = DPO(beta=0.3)(logps, ref)
    assert float(0.8 * right + 0.2 * turned) == pytest.approx(float(plain), abs=1e-12)


def test_three_answers_are_no_pair():
    with pytest.raises(InputError, match=r"logps: found 3 answers of a prompt, expected 2"):
        DPO()(torch.zeros(4, 3), torch.zeros(4, 3))
