"""Distances of unit vectors, from their cosine."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

Distance = Literal["squared", "euclidean"]


def distance(score: Tensor, kind: Distance) -> Tensor:
    """||x - y||^2 = 2 - 2 cos(x, y), or its root; where x = y the root gets no gradient."""
    squared = 2 - 2 * score
    if kind == "squared":
        return squared
    apart = squared > 0
    return squared.where(apart, 1).sqrt().where(apart, 0)
