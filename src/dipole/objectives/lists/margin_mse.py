"""Margin-MSE: the student keeps the teacher's distances between a positive and its negatives."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.lists.listwise import LIST, list_scores
from dipole.objectives.maths import reduce, unit


@register(
    "margin-mse",
    paper="Hofstätter et al. 2020, Improving Efficient Neural Ranking Models with "
    "Cross-Architecture Knowledge Distillation, arXiv 2010.02666",
    system="cadet",
    form="regression of score differences",
    related=("kl-listwise", "listmle"),
    executors=(),
)
class MarginMSE(Objective):
    """With s_ik = a_i . c_ik, the first candidate being the positive, and teacher's scores t_ik,

        L_i = mean_{k > 0} ((s_i0 - s_ik) - (t_i0 - t_ik))^2.

    Only differences count: teacher and student need not share a scale's zero, but its unit. So
    scores are dot products of whatever length; `normalize` makes them cosines.
    Shapes: anchor (n, d); candidates (n, k, d); teacher_scores (n, k), without gradient;
    mask (n, k), False for padding: rows without the positive or any negative are not counted.

    Example:
        >>> import torch
        >>> anchor, candidates = torch.eye(2)[:1], torch.eye(2)[None]
        >>> MarginMSE()(anchor, candidates, torch.tensor([[9.0, 8.0]])).item()
        0.0
    """

    shapes = LIST

    normalize: bool = False

    def forward(
        self,
        anchor: Tensor,
        candidates: Tensor,
        teacher_scores: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        scale = unit if self.normalize else wide
        error = list_scores(scale(anchor), scale(candidates)) - wide(teacher_scores.detach())
        kept = torch.ones_like(error, dtype=torch.bool) if mask is None else mask
        kept = kept[:, 1:] & kept[:, :1]
        squares = torch.where(kept, (error[:, :1] - error[:, 1:]).square(), 0)
        size = kept.sum(1)
        return reduce(squares.sum(1) / size.clamp(min=1), self.reduction, size > 0)
