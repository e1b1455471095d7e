"""ORPO."""

import math

import torch

from dipole.objectives import ORPO
from support.battery import Battery
from support.preferences import log_sigmoid, pairs
from support.spec import Spec


def oracle(mean_logps, lengths, weight):
    def odds(logp):
        return math.log(math.exp(logp) / (1 - math.exp(logp)))

    preferred = [-log_sigmoid(odds(w) - odds(l)) for w, l in mean_logps]
    tokens = [(w * int(n), int(n)) for (w, _), (n, _) in zip(mean_logps, lengths, strict=True)]
    likelihood = sum(x for x, _ in tokens) / max(sum(n for _, n in tokens), 1)
    return weight * sum(preferred) / len(preferred) - likelihood


class TestORPO(Battery):
    spec = Spec(
        "orpo",
        oracle,
        settings=({}, {"weight": 1.0}),
        draw=pairs("mean_logps", "lengths"),
        rotation=False,
    )


def test_an_answer_that_is_certain_keeps_the_loss_finite():
    means = torch.tensor([[0.0, -1e-9], [-80.0, 0.0]], requires_grad=True)
    loss = ORPO()(means, torch.tensor([[3, 2], [1, 1]]))
    (slope,) = torch.autograd.grad(loss, means)
    assert bool(loss.isfinite())
    assert bool(slope.isfinite().all())
