"""BCO: the shift is the mean of the means of the batches so far."""

import copy
import random

import pytest
import torch

from dipole.objectives import BCO
from support.battery import Battery
from support.preferences import log_sigmoid
from support.spec import Spec


def oracle(logps, ref_logps, ratings, beta, shift, at, answer_mask=None):
    n, k = logps.shape
    there = [(i, j) for i in range(n) for j in range(k) if answer_mask is None or answer_mask[i, j]]
    held = [beta * (at["logps"][i, j] - at["ref_logps"][i, j]) for i, j in there]
    delta = sum(held) / max(len(held), 1) if shift else 0.0
    found = []
    for i in range(n):
        for j in range(k):
            z = beta * (logps[i, j] - ref_logps[i, j]) - delta
            loss = -log_sigmoid(z if ratings[i, j] > 0.5 else -z)
            found.append(loss if (i, j) in there else None)
    return found


class TestBCO(Battery):
    spec = Spec(
        "bco", oracle, settings=({}, {"beta": 0.6, "shift": False}), rotation=False, detached=True
    )


def batch(seed):
    generator = torch.Generator().manual_seed(seed)
    logps, ref = -8 * torch.rand(2, 3, 2, generator=generator, dtype=torch.float64)
    return logps, ref, torch.tensor([[1.0, 0.0]]).double().repeat(3, 1)


def test_the_shift_is_remembered_and_stays_in_eval_mode():
    objective = BCO(beta=0.2).double()
    means = []
    for seed in range(3):
        logps, ref, ratings = batch(seed)
        objective(logps, ref, ratings)
        means.append(0.2 * float((logps - ref).mean()))
        assert float(objective.delta) == pytest.approx(sum(means) / len(means))
    before = copy.deepcopy(objective.state_dict())
    objective.eval()(*batch(7))
    assert objective.state_dict() == before
    assert {"delta", "batches"} == set(before), "a checkpoint has them"


def test_the_bound_on_dpo_holds_for_every_shift():
    """-log sigma(g_w - g_l) <= -log sigma(g_w - d) - log sigma(d - g_l), the paper's theorem."""
    draw = random.Random(0)
    for _ in range(2000):
        chosen, rejected, delta = (draw.uniform(-9, 9) for _ in range(3))
        bound = -log_sigmoid(chosen - delta) - log_sigmoid(delta - rejected)
        assert -log_sigmoid(chosen - rejected) <= bound + 1e-12
