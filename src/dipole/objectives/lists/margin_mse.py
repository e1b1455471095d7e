"""Margin-MSE: the student keeps the teacher's distances between a positive and its negatives."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from dipole.objectives.contract.base import Common, Objective, Reduction
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.lists.listwise import LIST, list_scores
from dipole.objectives.maths import reduce, unit


def margin_mse(
    anchor: Tensor,
    candidates: Tensor,
    teacher_scores: Tensor,
    mask: Tensor | None = None,
    *,
    normalize: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """With s_ik = a_i . c_ik, the first candidate being the positive, and teacher's scores t_ik,

        L_i = mean_{k > 0} ((s_i0 - s_ik) - (t_i0 - t_ik))^2.

    Only differences count: teacher and student need not share a scale's zero, but its unit. So
    scores are dot products of whatever length; `normalize` makes them cosines.
    Shapes: anchor (n, d); candidates (n, k, d); teacher_scores (n, k), without gradient;
    mask (n, k), False for padding: rows without the positive or any negative are not counted.
    """
    check(
        anchor=anchor,
        candidates=candidates,
        teacher_scores=teacher_scores,
        mask=mask,
        shapes=LIST,
    )
    a, c = (unit(anchor), unit(candidates)) if normalize else (wide(anchor), wide(candidates))
    error = list_scores(a, c) - wide(teacher_scores.detach())
    kept = torch.ones_like(error, dtype=torch.bool) if mask is None else mask
    kept = kept[:, 1:] & kept[:, :1]
    squares = torch.where(kept, (error[:, :1] - error[:, 1:]).square(), 0)
    size = kept.sum(1)
    return reduce(squares.sum(1) / size.clamp(min=1), reduction, size > 0)


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
    """`margin_mse` with its settings.

    Example:
        >>> import torch
        >>> anchor, candidates = torch.eye(2)[:1], torch.eye(2)[None]
        >>> MarginMSE()(anchor, candidates, torch.tensor([[9.0, 8.0]])).item()
        0.0
    """

    def __init__(self, *, normalize: bool = False, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        self.normalize = normalize

    def forward(
        self,
        anchor: Tensor,
        candidates: Tensor,
        teacher_scores: Tensor,
        mask: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch; see `margin_mse`."""
        return margin_mse(
            anchor,
            candidates,
            teacher_scores,
            mask,
            normalize=self.normalize,
            reduction=self.reduction,
        )
