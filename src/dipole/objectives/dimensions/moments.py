"""Means and covariances of a batch over all processes, for losses that look at dimensions."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.kernels import settings
from dipole.kernels.collectives import stack, world


def total_everywhere(x: Tensor) -> Tensor:
    """The sum of everybody's `x`, the same on all processes; the backward sums too."""
    alone = settings().executor in ("dense", "tiled") or world()[1] == 1
    return x if alone else stack(x).sum(0)


def largest_everywhere(x: Tensor) -> Tensor:
    """The largest element of everybody's `x`; its gradient goes where it was found."""
    alone = settings().executor in ("dense", "tiled") or world()[1] == 1
    return x.max() if alone else stack(x.max()).max()


def wide(x: Tensor) -> Tensor:
    """Half precision is only a way to store: float32 at least."""
    return x.float() if x.element_size() < 4 else x


def centred(x: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (n, d) less the mean over all processes, and the number N of their rows."""
    size = total_everywhere(x.new_tensor(float(len(x))))
    return x - total_everywhere(x.sum(0)) / size, size


def cross(x: Tensor, y: Tensor) -> Tensor:
    """sum_i x_i y_i^T over all processes, (d, d)."""
    return total_everywhere(x.T @ y)


def root(x: Tensor) -> Tensor:
    """Square root; 0 gets the gradient 0 in place of an infinite one."""
    some = x > 0
    return torch.where(some, x, 1).sqrt().where(some, 0)
