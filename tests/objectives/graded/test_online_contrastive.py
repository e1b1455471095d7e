"""The online contrastive loss against the equation written out."""

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import OnlineContrastive
from support.battery import Battery
from support.spec import Spec, cosine


def oracle(anchor, positive, scores, *, margin):
    apart = [1 - cosine(a, p) for a, p in zip(anchor, positive, strict=True)]
    near = [d for d, y in zip(apart, scores, strict=True) if y == 1]
    far = [d for d, y in zip(apart, scores, strict=True) if y == 0]
    least = min(far) if far else sum(near) / len(near)
    most = max(near) if near else sum(far) / len(far)
    return [
        (d**2 if d > least else 0.0) if y == 1 else (max(0.0, margin - d) ** 2 if d < most else 0.0)
        for d, y in zip(apart, scores, strict=True)
    ]


def yes_or_no(sizes, generator):
    return {"scores": torch.randint(0, 2, (sizes.n,), generator=generator).double()}


class TestOnlineContrastive(Battery):
    spec = Spec(
        "online-contrastive", oracle, settings=({"margin": 1.5},), draw=yes_or_no, smooth=False
    )


def test_pairs_in_the_right_order_cost_nothing():
    anchor, positive = torch.eye(2), torch.eye(2)
    positive = torch.stack([positive[0], -positive[1]])
    assert OnlineContrastive()(anchor, positive, torch.tensor([1.0, 0.0])).item() == 0


def test_a_score_that_is_neither():
    x = torch.eye(2)
    with pytest.raises(InputError, match=r"scores: found 0\.5; expected 0 \(different\) or 1"):
        OnlineContrastive()(x, x, torch.tensor([0.5, 1.0]))
