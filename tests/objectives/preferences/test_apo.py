"""APO: which way each answer goes."""

import torch

from dipole.objectives import APODown, APOZero
from support.battery import Battery
from support.preferences import RATIOS, ratios, sigmoid
from support.spec import Spec


def zero(logps, ref_logps, beta):
    return [1 - sigmoid(beta * w) + sigmoid(beta * l) for w, l in ratios(logps, ref_logps)]


def down(logps, ref_logps, beta):
    return [sigmoid(beta * w) + 1 - sigmoid(beta * (w - l)) for w, l in ratios(logps, ref_logps)]


class TestAPOZero(Battery):
    spec = Spec("apo-zero", zero, settings=({}, {"beta": 0.6}), draw=RATIOS, rotation=False)


class TestAPODown(Battery):
    spec = Spec("apo-down", down, settings=({}, {"beta": 0.6}), draw=RATIOS, rotation=False)


def test_the_directions_are_fixed():
    """Zero: chosen up and rejected down, always; down, from where it starts: both down."""
    ref = torch.zeros(7, 2).double()
    logps = torch.randn(7, 2).double().requires_grad_()
    (slope,) = torch.autograd.grad(APOZero(reduction="sum")(logps, ref), logps)
    assert bool((slope[:, 0] < 0).all())
    assert bool((slope[:, 1] > 0).all())
    start = torch.tensor([[0.1, -0.4]]).double().requires_grad_()
    (slope,) = torch.autograd.grad(APODown(beta=1.0)(start, ref[:1]), start)
    assert bool((slope > 0).all())
