"""Mixup: convex mixtures of the rows of a batch, and which partners a mixture belongs to."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from dipole.errors import InputError


class Mixup(NamedTuple):
    """Rows mixed with those of the flipped batch, i with n - 1 - i, all by one share.

    Example:
        >>> mix = Mixup(0.75, 2)
        >>> mix(torch.eye(2)).tolist()
        [[0.75, 0.25], [0.25, 0.75]]
        >>> mix.targets().tolist()
        [[0.75, 0.25], [0.25, 0.75]]
    """

    share: float
    rows: int

    def __call__(self, x: Tensor) -> Tensor:
        """share x_i + (1 - share) x_{n-1-i}, of pixels or of features, (n, ...)."""
        return self.share * x + (1 - self.share) * x.flip(0)

    def targets(self, other: float = 1.0) -> Tensor:
        """How much of j is in i, (n, n): share [j = i] + (1 - share) [j = n-1-i].

        The flip is its own inverse, so this is symmetric and serves both directions; rows sum
        to 1: a `relation` of InfoNCE. `other`: the share by which the other side was mixed, too.
        """
        same = self.share * other + (1 - self.share) * (1 - other)
        one = torch.eye(self.rows)
        return same * one + (1 - same) * one.flip(0)


def draw_mixup(
    rows: int, *, concentration: float = 0.1, generator: torch.Generator | None = None
) -> Mixup:
    """A mixup with a share drawn from Beta(concentration, concentration).

    Source: Cui et al. 2021, Contrastive Vision-Language Pre-training with Limited Resources
    (ZeroVL), arXiv 2112.09331: a coin decides whether the images or the texts of a batch are mixed.
    """
    if concentration <= 0:
        raise InputError(f"concentration: found {concentration}, expected above 0")
    both = torch.full((2,), concentration, dtype=torch.float64)
    one, other = torch._standard_gamma(both, generator=generator).tolist()
    # Both draws of a concentration near 0 may be 0 in float64.
    return Mixup(one / (one + other) if one + other > 0 else 1.0, rows)
