"""Small inputs of all processes, for losses that look at the batch as one list."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.kernels import settings
from dipole.kernels.collectives import find_place, gather, world


def whole_batch(x: Tensor) -> Tensor:
    """The rows of all processes, (N, ...), with gradient: the backward sums over processes.

    A loss of these is the same number on every process, and the average of the processes'
    gradients is that of one process.
    """
    if settings().executor in ("dense", "tiled") or world()[1] == 1:
        return x
    return gather(x, find_place(len(x), len(x), x.device).row_sizes)


def positions(n: int, device: torch.device) -> Tensor:
    """The numbers of this process's n rows among those of all processes, (n,)."""
    own = torch.arange(n, device=device)
    if settings().executor in ("dense", "tiled") or world()[1] == 1:
        return own
    return own + find_place(n, n, device).row_offset
