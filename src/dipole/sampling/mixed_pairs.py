"""Mixtures of a positive with negatives, and how much positive they are."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.errors import InputError


def mixed_pairs(
    positive: Tensor,
    negatives: Tensor,
    *,
    weight: float | None = None,
    concentration: float = 2.0,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """v_ik = w x_i + (1 - w) x'_ik and its label y_ik = w, 1 for a positive of the anchor.

    x is a positive of the anchor, or the anchor itself; x' its negatives. w is one draw for all,
    Beta(concentration, concentration), unless given. Mixtures of unit vectors are shorter than 1:
    a cosine does not see it. Gradients flow to both.
    Shapes: positive (n, d); negatives (n, k, d) -> mixtures (n, k, d), labels (n, k): the
    `candidates` and `relevance` of `Metrix`.
    Source: Venkataramanan et al. 2021, arXiv 2106.04990 (their concentration is 2).

    Example:
        >>> import torch
        >>> mixed, label = mixed_pairs(torch.eye(2), torch.zeros(2, 1, 2), weight=0.25)
        >>> mixed[0], label[0]
        (tensor([[0.2500, 0.0000]]), tensor([0.2500]))
    """
    if negatives.dim() != 3 or positive.shape != (negatives.shape[0], negatives.shape[2]):
        raise InputError(
            f"negatives: found shape {tuple(negatives.shape)} with positive "
            f"{tuple(positive.shape)}, expected (n, k, d) with (n, d)"
        )
    if weight is None:
        if concentration <= 0:
            raise InputError(f"concentration: found {concentration}, expected above 0")
        # Beta(c, c) = G / (G + G') of two Gamma(c) draws, which take a generator.
        both = torch.full((2,), concentration, dtype=torch.float64)
        one, other = torch._standard_gamma(both, generator=generator).tolist()
        weight = one / (one + other)
    if not 0 <= weight <= 1:
        raise InputError(f"weight: found {weight}, expected between 0 and 1")
    mixed = weight * positive[:, None] + (1 - weight) * negatives
    return mixed, torch.full(negatives.shape[:2], weight, dtype=mixed.dtype, device=mixed.device)
