"""SimPO and AlphaPO."""

import math

import pytest
import torch

from dipole.objectives import AlphaPO, SimPO
from support.battery import Battery
from support.preferences import log_sigmoid, pairs
from support.spec import Spec

MEANS = pairs("mean_logps")


def simpo(mean_logps, beta, gamma):
    return [-log_sigmoid(beta * (w - l) - gamma) for w, l in mean_logps]


def alphapo(mean_logps, beta, gamma, alpha):
    def reward(logp):
        return (1 - math.exp(logp) ** -alpha) / alpha

    return [-log_sigmoid(beta * (reward(w) - reward(l)) - gamma) for w, l in mean_logps]


class TestSimPO(Battery):
    spec = Spec("simpo", simpo, settings=({}, {"gamma": 0.0}), draw=MEANS, rotation=False)


class TestAlphaPO(Battery):
    spec = Spec("alphapo", alphapo, settings=({}, {"alpha": 1.5}), draw=MEANS, rotation=False)


def test_alpha_near_zero_is_simpo():
    means = -torch.rand(6, 2).double()
    one = AlphaPO(alpha=1e-9, beta=2.0, gamma=0.3)(means)
    assert float(one) == pytest.approx(float(SimPO(beta=2.0, gamma=0.3)(means)), abs=1e-6)
