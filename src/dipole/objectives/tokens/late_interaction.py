"""Contrast of sets of tokens: a pair's score is made of the best matches of its tokens."""

from __future__ import annotations

import contextlib
import math
from typing import ClassVar

import torch
from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import Score, diagonal, late_interaction, lse, pairs, settings, total, using
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, one_against, others, reduce, unit

TOKENS = {
    "anchor": "n t d",
    "positive": "n u d",
    "negative": "m w d",
    "anchor_mask": "n t",
    "positive_mask": "n u",
    "negative_mask": "m w",
}


def relaxed_mover() -> Score:
    """s_ij = (mean_t max_s c_ts + mean_s max_t c_ts) / 2 of the tokens' products c = a_i b_j^T.

    Optimal transport between two uniform sets of tokens with one of its two constraints dropped,
    in each direction. Rows (a, a_mask), columns (b, b_mask), as `late_interaction`.
    """

    def tile(a: Tensor, a_mask: Tensor, b: Tensor, b_mask: Tensor) -> Tensor:
        n, t, d = a.shape
        m, s, _ = b.shape
        c = (a.reshape(n * t, d) @ b.reshape(m * s, d).T).view(n, t, m, s)
        there = a_mask[:, :, None, None] & b_mask[None, None]
        c = c.masked_fill(~there, -torch.inf)
        by_row = c.amax(3).masked_fill(~a_mask[:, :, None], 0).sum(1) / a_mask.sum(1)[:, None]
        by_column = c.amax(1).masked_fill(~b_mask, 0).sum(2) / b_mask.sum(1)
        return (by_row + by_column) / 2

    return Score(tile)


@register(
    "late-interaction",
    paper="Khattab and Zaharia 2020, ColBERT: Efficient and Effective Passage Search via "
    "Contextualized Late Interaction over BERT, arXiv 2004.12832",
    system="clrcmd",
    form="softmax over sums of best matches",
    related=("clrcmd", "infonce"),
)
class LateInteraction(Objective):
    """InfoNCE on MaxSim of unit tokens, unchanged by the length of the candidate:

        s_ij = sum_t max_s cos(a_it, p_js)
        L_i  = log sum_j exp(s_ij / temperature) - s_ii / temperature

    over the positives of all and the negatives; temperature 1, because scores are sums.
    Gradient only through the tokens that were chosen. Memory: tiles are cut so that the tokens'
    products of one stay small.
    Shapes: anchor (n, t, d); positive (n, u, d); negative (m, w, d); masks (n, t), (n, u), (m, w),
    False for padding, at least one token each; ids (n,): equal ids never meet, save for i = j.

    Example:
        >>> import torch
        >>> tokens = 30 * torch.eye(6).view(3, 2, 6)
        >>> round(LateInteraction(0.1)(tokens, tokens).item(), 4)
        0.0
    """

    shapes = TOKENS
    score: ClassVar[Score] = late_interaction()

    temperature: Temperature = Temperature(1.0)

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        anchor_mask: Tensor | None = None,
        positive_mask: Tensor | None = None,
        negative_mask: Tensor | None = None,
        ids: Tensor | None = None,
    ) -> Tensor:
        t, score = self.temperature(), self.score
        rows = tokens("anchor", anchor, anchor_mask)
        columns = tokens("positive", positive, positive_mask)
        asked = [lse(mask=others(ids)), total(mask=diagonal())]
        with _tile(anchor, positive):
            rest, own = pairs(rows, columns, score=score, temperature=t, row=asked).row
        if negative is not None:
            more = tokens("negative", negative, negative_mask)
            with _tile(anchor, negative):
                found = pairs(rows, more, score=score, temperature=t, row=[lse()])
            rest = log_add(rest, found.row[0])
        return reduce(one_against(own, rest), self.reduction)


@register(
    "clrcmd",
    paper="Lee et al. 2022, Toward Interpretable Semantic Textual Similarity via Optimal "
    "Transport-based Contrastive Sentence Learning, arXiv 2202.13196",
    system="clrcmd",
    form="softmax over relaxed optimal transport",
    related=("late-interaction", "infonce"),
)
class RelaxedMover(LateInteraction):
    """`LateInteraction` with the score `relaxed_mover`: mean best matches, both ways.

    Example:
        >>> import torch
        >>> tokens = torch.eye(6).view(3, 2, 6)
        >>> round(RelaxedMover()(tokens, tokens).item(), 4)
        0.0
    """

    score: ClassVar[Score] = relaxed_mover()

    temperature: Temperature = Temperature(0.05)


def tokens(name: str, x: Tensor, mask: Tensor | None) -> list[Tensor]:
    """Unit tokens and which of them are there."""
    if mask is None:
        mask = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
    if not mask.any(1).all():
        raise InputError(f"{name}_mask: found a row without any token, expected at least one")
    return [unit(x), mask]


def _tile(a: Tensor, b: Tensor) -> contextlib.AbstractContextManager[object]:
    """Tiles with about a million products of tokens, unless somebody chose others."""
    if settings().tile is not None:
        return contextlib.nullcontext()
    edge = max(1, math.isqrt(2**20 // (a.shape[1] * b.shape[1])))
    return using(tile=(edge, edge))
