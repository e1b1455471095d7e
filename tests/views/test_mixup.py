"""Mixup: what is mixed, and targets that serve both directions."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import kstest

from dipole.errors import InputError
from dipole.objectives import InfoNCE
from dipole.views.mixup import Mixup, draw_mixup


def test_targets_say_what_a_mixture_is_made_of() -> None:
    mix = Mixup(0.7, 5)
    assert torch.allclose(mix(torch.eye(5)), mix.targets())
    assert torch.equal(mix.targets(), mix.targets().T)
    assert mix.targets()[2, 2] == 1  # the middle is its own partner
    assert torch.equal(Mixup(1.0, 4).targets(), torch.eye(4))


def test_both_sides_mixed_overlap() -> None:
    first, second = Mixup(0.7, 4), Mixup(0.4, 4)
    x = torch.eye(4)
    assert torch.allclose(first(x) @ second(x).T, first.targets(second.share))


def test_shares_are_beta() -> None:
    generator = torch.Generator().manual_seed(0)
    shares = [draw_mixup(4, concentration=2.0, generator=generator).share for _ in range(500)]
    assert kstest(shares, "beta", args=(2, 2)).pvalue > 1e-3
    with pytest.raises(InputError, match="expected above 0"):
        draw_mixup(4, concentration=0.0)


def test_a_mixture_is_best_placed_between_its_parts() -> None:
    mix, texts = Mixup(0.5, 2), torch.eye(2)
    loss = InfoNCE(0.5)
    between = loss(mix(texts), texts, relation=mix.targets())
    assert between < loss(texts, texts, relation=mix.targets())
