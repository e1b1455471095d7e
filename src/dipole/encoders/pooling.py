"""One vector out of the vectors of tokens."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from dipole.errors import InputError

Pooling = Literal["mean", "cls", "last", "weighted_mean"]
POOLINGS: tuple[str, ...] = get_args(Pooling)


def check_pooling(pooling: str) -> Pooling:
    """The pooling, or an error that lists the four."""
    if pooling not in POOLINGS:
        raise InputError(f"pooling is {pooling!r}; expected one of {', '.join(POOLINGS)}")
    return pooling  # type: ignore[return-value]


def pool(tokens: Tensor, mask: Tensor, pooling: Pooling) -> Tensor:
    """One vector per row of the tokens where `mask` is 1, in float32 whatever `tokens` is.

    With t = 1..T the places of a row's real tokens, wherever its padding stands:
    mean = sum_t x_t / T; weighted_mean = sum_t t x_t / sum_t t (SGPT, arXiv 2202.08904);
    cls = x_1; last = x_T. A row without tokens gives zeros.

    Shapes: tokens (n, length, d), mask (n, length) of 0 and 1 -> (n, d) float32.

    Example:
        >>> pool(torch.eye(3).unsqueeze(0), torch.tensor([[1, 1, 0]]), "mean")
        tensor([[0.5000, 0.5000, 0.0000]])
    """
    real = mask.to(torch.bool)
    place = real.cumsum(1) * real
    if pooling in ("cls", "last"):
        index = real.int().argmax(1) if pooling == "cls" else place.argmax(1)
        chosen = tokens[torch.arange(len(tokens), device=tokens.device), index].float()
        return chosen.masked_fill(~real.any(1, keepdim=True), 0.0)
    # Padding is replaced rather than weighted by 0: it may hold NaN, and 0 * NaN is NaN.
    values = tokens.float().masked_fill(~real.unsqueeze(2), 0.0)
    weights = (place if pooling == "weighted_mean" else real).to(values.dtype)
    return (values * weights.unsqueeze(2)).sum(1) / weights.sum(1, keepdim=True).clamp(min=1.0)
