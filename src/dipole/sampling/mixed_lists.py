"""Mixtures of an anchor's own hard negatives: harder ones, without mining again (KaLM)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels.draws import for_rows


def mixed_lists(
    anchor: Tensor,
    negatives: Tensor,
    *,
    pairs: int = 4,
    temperature: float = 0.1,
    concentration: float = 2.0,
    mask: Tensor | None = None,
) -> Tensor:
    """`pairs` mixtures of two of an anchor's negatives and one of all of them,

        pairwise  normalise(l n_a + (1 - l) n_b),  l ~ Beta(concentration, concentration), a != b
        listwise  normalise(sum_k w_k n_k),        w = softmax_k(cos(q, n_k) / temperature),

    as the anchor's own `candidates` of `FocalInfoNCE`. Gradients flow to the negatives, not to the
    weights. Shapes: anchor (n, d), negatives (n, k, d), mask (n, k), a row's first ones True, where
    lists are not equally long -> (n, pairs + 1, d), unit vectors; of a row with fewer than two
    negatives they mean nothing. In a training draws are functions of seed, step and row.
    The authors say that hard negatives are mixed in pairs and in lists; the distribution of l and
    the temperature are a reading. Source: Zhao et al. 2025, KaLM-Embedding-V2, arXiv 2506.20923.

    Example:
        >>> import torch
        >>> mixed_lists(torch.eye(3), torch.eye(3).expand(3, 3, 3), pairs=2).shape
        torch.Size([3, 3, 3])
    """
    n, d = anchor.shape
    if negatives.dim() != 3 or len(negatives) != n or negatives.shape[2] != d:
        raise InputError(
            f"negatives: found shape {tuple(negatives.shape)} with anchor {tuple(anchor.shape)}, "
            "expected (n, k, d) with (n, d)"
        )
    k = negatives.shape[1]
    if k < 2 or pairs < 0:
        raise InputError(
            f"negatives: found {k} of an anchor for {pairs} pairs, expected 2 or more of them"
        )
    unit = F.normalize(negatives, dim=-1)
    there = unit.new_ones(n, k, dtype=torch.bool) if mask is None else mask.bool()
    count = there.sum(1)[:, None].clamp(min=2)

    def draw(rows: int) -> dict[str, Tensor]:
        draws = torch.full((2, rows, pairs, 1), concentration, dtype=torch.float64)
        one, other = torch._standard_gamma(draws)
        return {"places": torch.rand(rows, pairs, 2), "share": one / (one + other)}

    with torch.no_grad():
        cosines = (unit @ F.normalize(anchor, dim=-1)[:, :, None])[..., 0] / temperature
        w = cosines.masked_fill(~there & there.any(1, keepdim=True), -torch.inf).softmax(1)
        drawn = {name: x.to(unit.device) for name, x in for_rows(draw, n).items()}
        # Two that differ: the second is so many places behind the first.
        first = (drawn["places"][..., 0] * count).long()
        second = (first + 1 + (drawn["places"][..., 1] * (count - 1)).long()) % count
        share = drawn["share"].to(unit)
    rows = torch.arange(n, device=unit.device)[:, None]
    mixed = share * unit[rows, first] + (1 - share) * unit[rows, second]
    listed = (w[:, None] @ unit).reshape(n, 1, d)
    return F.normalize(torch.cat([mixed, listed], 1), dim=-1)
