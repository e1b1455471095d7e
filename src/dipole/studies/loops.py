"""Training loops of claims whose method is no setting of the trainer."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def descend(
    parameters: Iterable[nn.Parameter], losses: Iterable[Tensor], *, learning_rate: float = 2e-3
) -> None:
    """Adam on losses that are computed one at a time, each after the step before it.

    Example:
        >>> x = nn.Parameter(torch.ones(1))
        >>> descend([x], (x.square().sum() for _ in range(300)), learning_rate=0.05)
        >>> bool(x.abs() < 0.01)
        True
    """
    optimizer = torch.optim.Adam(list(parameters), lr=learning_rate)
    for loss in losses:
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
