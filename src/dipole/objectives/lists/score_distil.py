"""Distillation of scores: the logits of a list follow a teacher's, or their differences do."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.lists.list_logits import log_softmax
from dipole.objectives.lists.listwise import LIST
from dipole.objectives.lists.pointwise import present
from dipole.objectives.maths import reduce


@register(
    "score-distil",
    paper="Hofstätter et al. 2020, Improving Efficient Neural Ranking Models with "
    "Cross-Architecture Knowledge Distillation, arXiv 2010.02666",
    system="score-distil",
    form="regression on a teacher's scores",
    related=("margin-mse", "kl-listwise", "dse"),
    executors=(),
)
class ScoreDistil(Objective):
    """With logits s_ik and a teacher's scores t_ik of the same candidates, the first the positive,

        margins  L_i = mean_{k > 0} ((s_i0 - s_ik) - (t_i0 - t_ik))^2     (margin-MSE)
        scores   L_i = mean_k (s_ik - t_ik)^2
        softmax  L_i = KL(softmax_k(t_ik / teacher_temperature) || softmax_k(s_ik)).

    It is `MarginMSE` and `KLListwise` for what scores a pair itself. Single pairs have no margins
    and no softmax: for them `scores`.
    Shapes: logits, teacher_scores (n, k), the latter without gradient; mask (n, k), False for
    padding: rows without what is compared are not counted.

    Example:
        >>> import torch
        >>> ScoreDistil()(torch.tensor([[2.0, 1.0]]), torch.tensor([[9.0, 8.0]])).item()
        0.0
    """

    shapes = LIST

    match: Literal["margins", "scores", "softmax"] = "margins"
    teacher_temperature: Positive = 1.0

    def forward(self, logits: Tensor, teacher_scores: Tensor, mask: Tensor | None = None) -> Tensor:
        s, kept = wide(logits), present(logits, mask)
        t = teacher_scores.detach().to(s.dtype)
        if self.match == "softmax":
            log_p = log_softmax(t / self.teacher_temperature, kept)
            each = log_p.exp() * (log_p - log_softmax(s, kept))
            return reduce(torch.where(kept, each, 0).sum(1), self.reduction, kept.any(1))
        error = s - t
        if self.match == "margins":
            kept = kept[:, 1:] & kept[:, :1]
            error = error[:, :1] - error[:, 1:]
        size = kept.sum(1)
        squares = torch.where(kept, error.square(), 0).sum(1)
        return reduce(squares / size.clamp(min=1), self.reduction, size > 0)
