"""SwAV against Algorithm 1 written out."""

import math

import numpy as np
import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import SwAV
from support.battery import Battery
from support.spec import Spec, cosine, lse

DIM = 3


def oracle(
    views,
    queue=None,
    *,
    dim,
    prototypes,
    temperature,
    code_temperature,
    iterations,
    assign,
    seed,
    still,
    at,
):
    c = SwAV(dim, prototypes, seed=seed).prototypes.detach().double().numpy()
    v, n, _ = views.shape
    earlier = [] if queue is None else list(at["queue"])
    codes = []
    for s in range(assign):
        rows = [[cosine(z, k) for k in c] for z in [*earlier, *at["views"][s]]]
        codes.append(balanced(rows, code_temperature, iterations)[len(earlier) :])
    found = []
    for b in range(n):
        losses = []
        for s in range(assign):
            for w in range(v):
                if w != s:
                    logits = [cosine(views[w][b], k) / temperature for k in c]
                    z = lse(logits)
                    losses.append(
                        -sum(q * (x - z) for q, x in zip(codes[s][b], logits, strict=True))
                    )
        found.append(sum(losses) / len(losses))
    return found


def balanced(rows, temperature, iterations):
    """exp(scores / temperature), its columns and rows scaled by turns; rows sum to 1."""
    q = np.array([[math.exp(x / temperature) for x in row] for row in rows])
    n, k = q.shape
    for _ in range(iterations):
        for j in range(k):
            q[:, j] /= q[:, j].sum() * k
        for i in range(n):
            q[i] /= q[i].sum() * n
    return q * n


class AtDim(Spec):
    """Batches of the dimension the prototypes have."""

    def inputs(self, n=5, m=3, d=DIM, seed=0):
        return super().inputs(n, m, DIM, seed)


class TestSwAV(Battery):
    spec = AtDim(
        "swav",
        oracle,
        settings=(
            {"dim": DIM, "prototypes": 4, "temperature": 0.3, "code_temperature": 0.2},
            {"dim": DIM, "prototypes": 2, "temperature": 0.3, "assign": 3, "iterations": 1},
        ),
        rotation=False,
        detached=True,
    )


def test_prototypes_learn_from_the_predictions_alone():
    objective = SwAV(DIM, 4, temperature=0.5, iterations=50).double()
    views = torch.nn.functional.normalize(torch.randn(2, 8, DIM, dtype=torch.float64), dim=-1)
    loss = objective(views)
    codes = []
    with torch.no_grad():
        c = torch.nn.functional.normalize(objective.prototypes, dim=-1)
        for z in views:
            q = (z @ c.T / 0.05).exp()
            for _ in range(50):
                q = q / q.sum(0)
                q = q / q.sum(1, keepdim=True)
            codes.append(q)
    c = objective.prototypes / objective.prototypes.detach().norm(dim=-1, keepdim=True)
    predicted = [(z @ c.T / 0.5).log_softmax(1) for z in views]
    wanted = -(codes[0] * predicted[1] + codes[1] * predicted[0]).sum(1).mean() / 2
    torch.testing.assert_close(loss, wanted)
    found, same = (torch.autograd.grad(x, objective.prototypes)[0] for x in (loss, wanted))
    torch.testing.assert_close(found, same)


def test_prototypes_go_back_to_unit_length():
    objective = SwAV(DIM, 4)
    with torch.no_grad():
        objective.prototypes.mul_(3)
    views = torch.randn(2, 8, DIM)
    objective.eval()(views)
    assert objective.prototypes.norm(dim=-1).min() > 2.9
    objective.train()(views)
    torch.testing.assert_close(objective.prototypes.norm(dim=-1), torch.ones(4))


def test_one_view_has_nothing_to_predict():
    with pytest.raises(InputError, match="views: found 1 views, expected 2 or more"):
        SwAV(DIM, 4)(torch.randn(1, 5, DIM))
