"""ULMA and point-wise DPO: two means, each over its own kind."""

import pytest
import torch

from dipole.objectives import ULMA
from support.battery import Battery
from support.preferences import log_sigmoid, zeros
from support.spec import Spec


def oracle(mean_logps, ref_mean_logps, ratings, beta, demonstrations, continuous, answer_mask=None):
    shown, judged = [], []
    for i in range(len(ratings)):
        for j in range(ratings.shape[1]):
            if answer_mask is not None and not answer_mask[i, j]:
                continue
            g = beta * (mean_logps[i, j] - ref_mean_logps[i, j])
            if ratings[i, j] == 1:
                shown.append(
                    {
                        "likelihood": -mean_logps[i, j],
                        "scaled": -beta * mean_logps[i, j],
                        "pointwise": -log_sigmoid(g),
                    }[demonstrations]
                )
            else:
                judged.append((ratings[i, j] - g) ** 2 if continuous else -log_sigmoid(-g))
    return sum(shown) / max(len(shown), 1) + sum(judged) / max(len(judged), 1)


def drawn(sizes, generator):
    ratings = torch.rand(sizes.n, sizes.k, generator=generator, dtype=torch.float64)
    return {"ratings": torch.where(ratings > 0.5, 1.0, ratings)}


class TestULMA(Battery):
    spec = Spec(
        "ulma",
        oracle,
        settings=(
            {},
            {"demonstrations": "scaled", "beta": 0.4},
            {"demonstrations": "pointwise", "continuous": True},
        ),
        draw=drawn,
        rotation=False,
    )


def test_rare_answers_weigh_as_much_as_common_ones():
    ratings = torch.tensor([[1.0] + [0.0] * 9]).double()
    logps = zeros(1, 10).requires_grad_()
    loss = ULMA(demonstrations="pointwise")(logps, zeros(1, 10), ratings)
    (slope,) = torch.autograd.grad(loss, logps)
    assert float(slope[0, 0]) == pytest.approx(-9 * float(slope[0, 1]))
