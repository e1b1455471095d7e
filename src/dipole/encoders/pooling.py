"""One vector out of the vectors of tokens."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.errors import InputError

# Of these, or several joined by "+", whose vectors stand one behind the other: "cls+mean".
POOLINGS: tuple[str, ...] = ("mean", "cls", "last", "weighted_mean", "max", "mean_sqrt_len")


def check_pooling(pooling: str) -> str:
    """The pooling without blanks, or an error that lists them."""
    parts = [part.strip() for part in pooling.split("+")] if isinstance(pooling, str) else []
    if not parts or any(part not in POOLINGS for part in parts):
        raise InputError(
            f"pooling is {pooling!r}; expected one of {', '.join(POOLINGS)}, or several as cls+mean"
        )
    return "+".join(parts)


def pool(tokens: Tensor, mask: Tensor, pooling: str) -> Tensor:
    """One vector per row of the tokens where `mask` is 1, in float32 whatever `tokens` is.

    With t = 1..T the places of a row's real tokens, wherever its padding stands:
    mean = sum_t x_t / T; weighted_mean = sum_t t x_t / sum_t t (SGPT, arXiv 2202.08904);
    mean_sqrt_len = sum_t x_t / sqrt(T); max = max_t x_t of every number; cls = x_1; last = x_T.
    "a+b" is both, one behind the other. A row without tokens gives zeros.

    Shapes: tokens (n, length, d), mask (n, length) of 0 and 1 -> (n, d) float32, (n, k d) of k.

    Example:
        >>> pool(torch.eye(3).unsqueeze(0), torch.tensor([[1, 1, 0]]), "mean")
        tensor([[0.5000, 0.5000, 0.0000]])
    """
    if "+" in pooling:
        return torch.cat([pool(tokens, mask, part) for part in pooling.split("+")], 1)
    real = mask.to(torch.bool)
    place = real.cumsum(1) * real
    if pooling in ("cls", "last"):
        index = real.int().argmax(1) if pooling == "cls" else place.argmax(1)
        chosen = tokens[torch.arange(tokens.shape[0], device=tokens.device), index].float()
        return chosen.masked_fill(~real.any(1, keepdim=True), 0.0)
    # Padding is replaced rather than weighted by 0: it may hold NaN, and 0 * NaN is NaN.
    if pooling == "max":
        values = tokens.float().masked_fill(~real.unsqueeze(2), -torch.inf).amax(1)
        return values.masked_fill(~real.any(1, keepdim=True), 0.0)
    values = tokens.float().masked_fill(~real.unsqueeze(2), 0.0)
    weights = (place if pooling == "weighted_mean" else real).to(values.dtype)
    total = weights.sum(1, keepdim=True).clamp(min=1.0)
    if pooling == "mean_sqrt_len":
        total = total.sqrt()
    return (values * weights.unsqueeze(2)).sum(1) / total
