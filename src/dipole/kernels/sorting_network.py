"""A differentiable sorting network: neighbours are exchanged with a probability."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def odd_even_sort(
    x: Tensor, *, steepness: float = 1.0, there: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Ascending order of (..., n) softly: the sorted values and the matrix of who went where.

    n layers compare the neighbours (u, v) of even, then of odd places, and keep their order with
    the probability that Cauchy noise of scale 1 / steepness leaves u below v:

        w  = 1/2 + arctan(steepness (v - u)) / pi
        u' = w u + (1 - w) v,   v' = (1 - w) u + w v

    The matrix M (..., n, n) is the product of the layers: M[i, r] is how much of item i arrives
    at rank r; rows and columns sum to 1. there (..., n), False for places without an item: what
    is there never exchanges with them, so put them first.
    Petersen et al. 2022, Monotonic Differentiable Sorting Networks, arXiv 2203.09630.

    Example:
        >>> import torch
        >>> values, matrix = odd_even_sort(torch.tensor([2.0, 1.0, 3.0]), steepness=1e6)
        >>> matrix.round().argmax(1)
        tensor([1, 0, 2])
    """
    n = x.shape[-1]
    there = torch.ones_like(x, dtype=torch.bool) if there is None else there
    matrix = torch.eye(n, dtype=x.dtype, device=x.device).expand(*x.shape, n)
    for layer in range(n):
        first = layer % 2
        last = n - (n - first) % 2
        u, v = x[..., first:last:2], x[..., first + 1 : last : 2]
        both = there[..., first:last:2] & there[..., first + 1 : last : 2]
        gap = steepness * (v - u).masked_fill(~both, 0)
        # Both from atan2: a small probability keeps all its digits.
        one = torch.ones_like(gap)
        keep = (torch.atan2(one, -gap) / math.pi).masked_fill(~both, 1)
        turn = (torch.atan2(one, gap) / math.pi).masked_fill(~both, 0)
        x = _exchange(x, keep, turn, first, last)
        matrix = _exchange(matrix, keep[..., None, :], turn[..., None, :], first, last)
    return x, matrix


def _exchange(x: Tensor, keep: Tensor, turn: Tensor, first: int, last: int) -> Tensor:
    """One layer on the last axis; places outside of [first, last) stay."""
    u, v = x[..., first:last:2], x[..., first + 1 : last : 2]
    mixed = torch.stack([keep * u + turn * v, turn * u + keep * v], -1).flatten(-2)
    return torch.cat([x[..., :first], mixed, x[..., last:]], -1)
