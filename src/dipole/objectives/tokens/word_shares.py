"""How probable each word of a text is for each word of another, by the states of both."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.objectives.dimensions.moments import wide


def both_shares(x: Tensor, y: Tensor, of_x: Tensor, of_y: Tensor) -> tuple[Tensor, Tensor]:
    """softmax of the dot products (n, s, t) over the words of y, and over those of x.

    Shapes: x (n, s, d), y (n, t, d); of_x (n, s), of_y (n, t), which of them are words: the others
    have the share 0 where they are chosen among, and a text without words has none.

    Example:
        >>> x, there = torch.eye(2)[None], torch.tensor([[True, False]])
        >>> both_shares(x, x, there, there)[0]
        tensor([[[1., 0.],
                 [1., 0.]]])
    """
    scores = wide(x) @ wide(y).transpose(1, 2)
    over_y = _softmax(scores, of_y[:, None, :].expand_as(scores), 2)
    over_x = _softmax(scores, of_x[:, :, None].expand_as(scores), 1)
    return over_y, over_x


def _softmax(scores: Tensor, there: Tensor, axis: int) -> Tensor:
    none = ~there.any(axis, keepdim=True)
    masked = scores.masked_fill(~there & ~none, -torch.inf)
    return masked.softmax(axis).masked_fill(none, 0)
