"""LD-DPO: tokens beyond the shorter answer."""

import pytest
import torch

from dipole.objectives import DPO, LDDPO
from support.battery import Battery
from support.preferences import log_sigmoid, pairs
from support.spec import Spec


def oracle(token_logps, ref_token_logps, lengths, beta, alpha):
    found = []
    for policy, reference, size in zip(token_logps, ref_token_logps, lengths, strict=True):
        shorter = min(int(size[0]), int(size[1]))
        total = [
            sum(
                (1.0 if t < shorter else alpha) * (policy[j, t] - reference[j, t])
                for t in range(min(int(size[j]), policy.shape[1]))
            )
            for j in range(2)
        ]
        found.append(-log_sigmoid(beta * (total[0] - total[1])))
    return found


class TestLDDPO(Battery):
    spec = Spec(
        "ld-dpo",
        oracle,
        settings=({}, {"beta": 0.4, "alpha": 0.0}),
        draw=pairs("token_logps", "ref_token_logps", "lengths"),
        rotation=False,
    )


def test_alpha_one_is_dpo():
    tokens = -torch.rand(2, 4, 2, 5).double()
    lengths = torch.tensor([[5, 3], [1, 4], [2, 2], [5, 5]])
    there = torch.arange(5) < lengths[:, :, None]
    policy, reference = tokens * there
    found = LDDPO(alpha=1.0)(policy, reference, lengths)
    plain = DPO()(policy.sum(2), reference.sum(2))
    assert float(found) == pytest.approx(float(plain), abs=1e-12)
