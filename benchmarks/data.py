"""The same vectors for every implementation: pairs that resemble each other, classes of eight."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

CLASS_SIZE = 8


class Batch(NamedTuple):
    """anchor, positive (n, d), not normalised, with gradients; labels (n,), eight rows a class."""

    anchor: Tensor
    positive: Tensor
    labels: Tensor


def make_batch(n: int, d: int) -> Batch:
    """Seeded: every process gets the same numbers."""
    generator = torch.Generator().manual_seed(n + d)
    anchor = torch.randn(n, d, generator=generator)
    positive = anchor + torch.randn(n, d, generator=generator)
    labels = torch.arange(n) // CLASS_SIZE
    return Batch(anchor.requires_grad_(), positive.requires_grad_(), labels)


@cache
def made(kind: Callable[..., Any], *settings: float) -> Any:
    """A loss module, made once as in anybody's training, not at every step."""
    return kind(*settings)
