"""Mixtures and their labels."""

import pytest
import torch

from dipole.errors import InputError
from dipole.sampling.mixed_pairs import mixed_pairs


def test_a_mixture_lies_between_as_its_label_says():
    positive, negatives = torch.randn(3, 4), torch.randn(3, 2, 4)
    mixed, label = mixed_pairs(positive, negatives)
    assert 0 < label[0, 0] < 1
    assert (label == label[0, 0]).all()
    away = (mixed - negatives) / (positive[:, None] - negatives)
    torch.testing.assert_close(away, label[:, :, None].expand(3, 2, 4), rtol=1e-3, atol=1e-3)


def test_weights_are_symmetric_draws_that_a_generator_repeats():
    generator = torch.Generator().manual_seed(0)
    given = torch.eye(2), torch.eye(2)[None].repeat(2, 1, 1)
    drawn = torch.stack([mixed_pairs(*given, generator=generator)[1][0, 0] for _ in range(2000)])
    # Beta(2, 2): mean 1/2, variance 1/20.
    assert drawn.mean().item() == pytest.approx(0.5, abs=0.02)
    assert drawn.var().item() == pytest.approx(0.05, abs=0.005)
    generator.manual_seed(0)
    assert mixed_pairs(*given, generator=generator)[1][0, 0] == drawn[0]


def test_mistakes():
    with pytest.raises(InputError, match="weight: found 2, expected between 0 and 1"):
        mixed_pairs(torch.eye(2), torch.zeros(2, 1, 2), weight=2)
    with pytest.raises(InputError, match="concentration: found 0, expected above 0"):
        mixed_pairs(torch.eye(2), torch.zeros(2, 1, 2), concentration=0)
    with pytest.raises(InputError, match=r"negatives: found shape \(2, 2\)"):
        mixed_pairs(torch.eye(2), torch.eye(2))
