"""Cosine regression against the equation written out."""

import pytest
import torch

from dipole.objectives import CosineRegression
from support.battery import Battery
from support.spec import Spec, cosine


def oracle(anchor, positive, scores):
    return [
        (cosine(a, p) - y) ** 2 for a, p, y in zip(anchor, positive, scores.tolist(), strict=True)
    ]


def with_scores(sizes, generator):
    return {"scores": torch.rand(sizes.n, generator=generator, dtype=torch.float64)}


class TestCosineRegression(Battery):
    spec = Spec("cosine-regression", oracle, settings=({},), draw=with_scores)


def test_two_pairs_by_hand():
    """Cosines 1 and 0, scores 1/2 and 1: (1/4 + 1) / 2."""
    anchor, positive = torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    loss = CosineRegression()(anchor, positive, torch.tensor([0.5, 1.0]))
    assert loss.item() == pytest.approx(0.625, rel=1e-6)
